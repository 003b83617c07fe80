/* rule_import_in_request.c -- modules imported while requests are served, again and again.
 *
 * Principle: an import is paid once a process, when the application starts. One that is seen in request after
 * request does not find its module in the table: it was taken out, it is loaded by hand, or it does not exist
 * and is looked for each time.
 *
 * Evidence: the import machinery's frames below an application line, in at least half of the sampled requests
 * (an import statement whose module is loaded has none).
 *
 * Silent: the first request only (cold_start); what saves too little (find.c).
 *
 * Saving: everything below the machinery, the modules' own code included. It is gone altogether: low = high.
 */
#include "base/show.h"
#include "find/find_int.h"

static bool is_import(const struct hp_symbol *sym)
{
    return hp_str_starts(sym->file, HP_STR("<frozen importlib._bootstrap")) ||
           hp_str_starts(sym->file, HP_STR("importlib/__init__.py")) ||
           hp_str_starts(sym->file, HP_STR("importlib/_bootstrap")) ||
           (sym->kind == HP_SYM_C &&
            hp_str_starts(sym->name, HP_STR("<built-in method builtins.__import__")));
}

static void describe(struct hp__find *f, struct hp_finding *finding, const struct hp__bound_part *part)
{
    char time[HP_SHOW_BYTES], count[HP_SHOW_BYTES];
    hp_show_ns(time, part->ns);
    hp_show_count(count, part->calls);
    finding->title = hp__textf(f->arena, "imports in every request take %s", time);
    finding->advice =
        hp__textf(f->arena, "Do it once: move the import to the top of the module, so that it is paid when "
                            "the application starts. If it stands in the function to break a cycle, "
                            "import there but keep the module loaded: do not reload it or take it out of "
                            "sys.modules. An import that fails (an optional "
                            "package) is looked for on disk each time: try it once at module level and "
                            "remember the result (json = ujson or None).");
    hp__finding_number(finding, "imports", (double)part->calls);
    hp__finding_number(finding, "import_ms", (double)part->ns / 1e6);
}

const struct hp__bound_rule hp__bound_imports = {.kind = HP_FIND_import_in_request,
                                                 .reads = true,
                                                 .warms_up = true,
                                                 .is_boundary = is_import,
                                                 .min_share = 0.03,
                                                 .low_share = 1,
                                                 .describe = describe};

hp_err hp__rule_import_in_request(struct hp__find *f)
{
    return hp__bound_run(f, &hp__bound_imports);
}
