/* facts.c -- what the rules want to know of each symbol, looked up once for all nodes of all requests. */
#include <string.h>
#include "find/find_int.h"

static const char *const waiting_files[] = {"socket.py",     "ssl.py",       "selectors.py",
                                            "subprocess.py", "threading.py", "queue.py"};
static const char *const waiting_names[] = {
    "time.sleep",    "_socket.",   "_ssl.",   "select.",     "'acquire' of '_thread",
    "posix.waitpid", "posix.read", "_queue.", "_thread.lock"};

static bool contains(struct hp_str text, const char *part)
{
    struct hp_str want = hp_str_from0(part);
    for (size_t i = 0; i + want.n <= text.n; i++) {
        if (memcmp(text.p + i, want.p, want.n) == 0) {
            return true;
        }
    }
    return false;
}

/* A library function whose own time is waiting for something outside. */
static bool is_waiting(const struct hp_symbol *sym)
{
    if (sym->flags & HP_SYM_APP) {
        return false;
    }
    if (sym->kind == HP_SYM_C) {
        for (size_t i = 0; i < sizeof waiting_names / sizeof *waiting_names; i++) {
            if (contains(sym->name, waiting_names[i])) {
                return true;
            }
        }
        return false;
    }
    for (size_t i = 0; i < sizeof waiting_files / sizeof *waiting_files; i++) {
        if (hp_str_eq(sym->file, hp_str_from0(waiting_files[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_comprehension(struct hp_str name)
{
    return hp_str_ends(name, HP_STR("<listcomp>")) || hp_str_ends(name, HP_STR("<genexpr>")) ||
           hp_str_ends(name, HP_STR("<dictcomp>")) || hp_str_ends(name, HP_STR("<setcomp>"));
}

hp_err hp__facts_init(struct hp__facts *facts, const struct hp_dict *dict, struct hp_arena *arena)
{
    uint32_t count = hp_dict_symbol_count(dict);
    uint8_t *of = hp_arena_alloc(arena, count + 1u, 1);
    if (of == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct hp_symbol sym = hp_dict_symbol(dict, i);
        int bits = (sym.flags & HP_SYM_APP ? HP__FACT_APP : 0) |
                   (sym.flags & HP_SYM_FRAMEWORK ? HP__FACT_FRAMEWORK : 0);
        bits |= is_comprehension(sym.name) ? HP__FACT_COMPREHENSION : 0;
        bits |= is_waiting(&sym) ? HP__FACT_WAITING : 0;
        bits |= sym.kind == HP_SYM_TEMPLATE ? HP__FACT_TEMPLATE : 0;
        of[i] = (uint8_t)bits;
    }
    *facts = (struct hp__facts){.dict = dict, .of = of, .count = count};
    return HP_OK;
}

bool hp__facts_part_of(const struct hp_dict *dict, uint32_t inner, uint32_t whole)
{
    struct hp_symbol part = hp_dict_symbol(dict, inner), around = hp_dict_symbol(dict, whole);
    return inner == whole ||
           (hp_str_eq(part.file, around.file) && hp_str_starts(part.name, around.name) &&
            hp_str_starts(hp_str_make(part.name.p + around.name.n, part.name.n - around.name.n),
                          HP_STR(".<locals>.")));
}
