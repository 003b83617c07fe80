/* rule_regex_compile.c -- regular expressions that are compiled in request after request.
 *
 * Principle: an expression is compiled once; `re` keeps the last 512, and a pattern made of values that
 * differ never comes back.
 *
 * Evidence: frames of the compiler and parser of expressions (not of the look-up in the cache) below an
 * application line, in at least half of the sampled requests.
 *
 * Silent: expressions compiled at import or in the first request only; patterns that the cache holds; what
 * saves too little (find.c).
 *
 * Saving: everything below the compiler; low = 0.9 of it, since building the pattern's key costs a little
 * still.
 */
#include "base/show.h"
#include "find/find_int.h"

#define LOW_SHARE 0.9

static bool is_compiler(const struct hp_symbol *sym)
{
    static const char *const modules[] = {"re/_compiler", "re/_parser", "sre_compile", "sre_parse",
                                          "regex/_regex_core"};
    return hp__bound_in(sym->file, modules, sizeof modules / sizeof *modules);
}

/* What looks the pattern up and, when it is not kept, has it compiled. */
static bool is_lookup(const struct hp_symbol *sym)
{
    return hp_str_eq(sym->file, HP_STR("re/__init__.py")) &&
           (hp_str_eq(sym->name, HP_STR("compile")) || hp_str_eq(sym->name, HP_STR("_compile")));
}

static void describe(struct hp__find *f, struct hp_finding *finding, const struct hp__bound_part *part)
{
    char time[HP_SHOW_BYTES], count[HP_SHOW_BYTES];
    hp_show_ns(time, part->saved_ns);
    hp_show_count(count, part->calls);
    finding->title = hp__textf(f->arena, "compiling regular expressions takes %s in every request", time);
    finding->advice =
        hp__textf(f->arena, "Do it once: compile the expression at module level (PATTERN = re.compile(...)) "
                            "and use PATTERN.match here. If the pattern holds a value of the "
                            "request, match with a fixed pattern and compare the captured group, or use "
                            "plain string methods (startswith, find, split); for "
                            "many words one pattern of alternatives, kept by functools.cache. More than 512 "
                            "patterns in turn push each other out of re's cache: keep your own dict.");
    hp__finding_number(finding, "calls", (double)part->calls);
    hp__finding_number(finding, "compile_ms", (double)part->saved_ns / 1e6);
}

const struct hp__bound_rule hp__bound_regexes = {.kind = HP_FIND_regex_compile,
                                                 .warms_up = true,
                                                 .is_boundary = is_compiler,
                                                 .is_around = is_lookup,
                                                 .min_share = 0.03,
                                                 .low_share = LOW_SHARE,
                                                 .describe = describe};

hp_err hp__rule_regex_compile(struct hp__find *f)
{
    return hp__bound_run(f, &hp__bound_regexes);
}
