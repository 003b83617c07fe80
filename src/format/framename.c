/* framename.c -- see framename.h. */
#include "format/framename.h"

#include <inttypes.h>

struct hp_str hp_framename_plain(const struct hp_symbol *symbol)
{
    struct hp_str name = symbol->name;
    if (symbol->kind == HP_SYM_C) {
        return name;
    }
    for (size_t i = name.n; i > 0; i--) {
        if (name.p[i - 1] == '.' && i < name.n) {
            return hp_str_make(name.p + i, name.n - i);
        }
    }
    return name;
}

struct hp_str hp_framename_path(const struct hp_symbol *symbol)
{
    if (symbol->path.n != 0) {
        return symbol->path;
    }
    return symbol->file.n != 0 ? symbol->file : HP_STR("~");
}

struct hp_str hp_framename_module(const struct hp_symbol *symbol)
{
    if (symbol->kind == HP_SYM_C || symbol->file.n == 0) {
        return HP_STR("C");
    }
    return hp_str_make(symbol->file.p, hp_str_find_char(symbol->file, '/'));
}

struct hp_str hp_framename_shown(const struct hp_symbol *symbol, bool root)
{
    if (symbol->name.n != 0) {
        return symbol->name;
    }
    return root ? HP_STR("(request)") : HP_STR("(no name)");
}

void hp_framename_put(struct hp_buf *out, const struct hp_symbol *symbol, bool root)
{
    hp_buf_put_text(out, hp_framename_shown(symbol, root));
    if (symbol->file.n != 0 && symbol->kind != HP_SYM_C) {
        hp_buf_put_text(out, HP_STR(" ("));
        hp_buf_put_text(out, symbol->file);
        if (symbol->line != 0) {
            hp_buf_printf(out, ":%" PRIu32, symbol->line);
        }
        hp_buf_put_text(out, HP_STR(")"));
    }
}
