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
 * Saving: everything below the compiler. Where ten calls or more (sub, search) have each its own pattern
 * compiled, and take no longer to match than that, they go as a whole: one pattern of alternatives reads the
 * text once. low = 0.6.
 */
#include "base/show.h"
#include "find/find_int.h"

#define LOW_SHARE 0.6

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

/* What is called with a pattern's text, matching included. */
static bool is_match(const struct hp_symbol *sym)
{
    static const char *const names[] = {"sub",   "subn",      "search",  "match",
                                        "split", "fullmatch", "findall", "finditer"};
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++) {
        found = hp_str_eq(sym->name, hp_str_from0(names[i]));
    }
    return found && hp_str_eq(sym->file, HP_STR("re/__init__.py"));
}

static void describe(struct hp__find *f, struct hp_finding *finding, const struct hp__bound_part *part)
{
    char time[HP_SHOW_BYTES], count[HP_SHOW_BYTES];
    hp_show_ns(time, part->saved_ns);
    hp_show_count(count, part->calls);
    finding->title =
        hp__textf(f->arena, "regular expressions that are compiled in every request take %s", time);
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
                                                 .is_use = is_match,
                                                 .min_share = 0.03,
                                                 .low_share = LOW_SHARE,
                                                 .describe = describe};

hp_err hp__rule_regex_compile(struct hp__find *f)
{
    return hp__bound_run(f, &hp__bound_regexes);
}
