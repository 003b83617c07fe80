/* named.c -- whether a function knows what it calls.
 *
 *     def dump(self, entity):
 *         return {name: getattr(entity, name) for name in self.fields}       rating() is called, and named nowhere here
 *
 * Why: a loop over such calls is there for whatever it is given. What it costs is decided elsewhere.
 */
#include <string.h>
#include "find/find_int.h"
#include "find/pytext.h"

#define MOST_PAIRS 64u /* others count as named */

struct hp__named {
    uint32_t count;
    struct {
        uint32_t caller, callee;
        bool calls;
    } pairs[MOST_PAIRS];
    struct hp__py_statement room[HP__PY_STATEMENTS];
};

hp_err hp__named_init(struct hp__find *f)
{
    f->named = hp__zeroed(f->arena, 1, sizeof *f->named);
    return f->named != NULL ? HP_OK : HP_ENOMEM;
}

static bool names(const struct hp__find *f, uint32_t caller, struct hp_str callee)
{
    struct hp_symbol symbol = hp_dict_symbol(f->c->dict, caller);
    struct hp_str source = f->c->source(f->c->source_ctx, symbol.file);
    uint32_t n = hp__py_split(source, symbol.line, f->named->room, HP__PY_STATEMENTS);
    bool found = n == 0 || n == HP__PY_STATEMENTS;
    for (uint32_t i = 0; i < n && !found; i++) {
        struct hp_str text = f->named->room[i].text;
        found = hp_str_find_word(text, 0, callee) < text.n; /* in strings, too: attrgetter("rating") */
    }
    return found;
}

bool hp__named_calls(const struct hp__find *f, uint32_t caller, uint32_t callee)
{
    struct hp__named *known = f->named;
    struct hp_str name = hp__words_last(hp_dict_symbol(f->c->dict, callee).name);
    if (f->c->source == NULL || name.n == 0 || name.p[0] == '<' || hp_str_starts(name, HP_STR("__"))) {
        return true; /* lambdas, comprehensions, and what operators call */
    }
    for (uint32_t i = 0; i < known->count; i++) {
        if (known->pairs[i].caller == caller && known->pairs[i].callee == callee) {
            return known->pairs[i].calls;
        }
    }
    if (known->count == MOST_PAIRS) {
        return true;
    }
    bool calls = names(f, caller, name);
    known->pairs[known->count].caller = caller;
    known->pairs[known->count].callee = callee;
    known->pairs[known->count++].calls = calls;
    return calls;
}
