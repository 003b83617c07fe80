/* framename.c -- see framename.h. */
#include "format/framename.h"

#include "model/profile.h"

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

/* What follows the folder that libraries are installed in. */
static struct hp_str below_library(struct hp_str file)
{
    size_t installed = hp_profile_installed(file);
    return hp_str_make(file.p + installed, file.n - installed);
}

static size_t last_slash(struct hp_str text)
{
    size_t at = text.n;
    while (at > 0 && text.p[at - 1] != '/') {
        at--;
    }
    return at == 0 ? text.n : at - 1;
}

struct hp_str hp_framename_module(const struct hp_symbol *symbol)
{
    if (symbol->kind == HP_SYM_C || symbol->file.n == 0) {
        return HP_STR("C");
    }
    struct hp_str file = below_library(symbol->file);
    if (file.n != 0 && file.p[0] == '/') { /* of a profile that knows only the whole path */
        struct hp_str folder = hp_str_make(file.p, last_slash(file));
        size_t cut = last_slash(folder);
        return hp_str_make(file.p + (cut < folder.n ? cut + 1 : 0),
                           folder.n - (cut < folder.n ? cut + 1 : 0));
    }
    return hp_str_make(file.p, hp_str_find_char(file, '/'));
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
            hp_buf_put_text(out, HP_STR(":"));
            hp_buf_put_decimal(out, symbol->line);
        }
        hp_buf_put_text(out, HP_STR(")"));
    }
}

void hp_framename_put_pstats(struct hp_buf *out, const struct hp_symbol *symbol)
{
    struct hp_str name = symbol->name;
    if (symbol->kind == HP_SYM_C) {
        bool angle = name.n >= 2 && name.p[0] == '<' && name.p[name.n - 1] == '>';
        hp_buf_put_text(out, angle ? HP_STR("{") : HP_STR(""));
        hp_buf_put_text(out, angle ? hp_str_make(name.p + 1, name.n - 2) : name);
        hp_buf_put_text(out, angle ? HP_STR("}") : HP_STR(""));
        return;
    }
    hp_buf_put_text(out, symbol->file);
    hp_buf_put_text(out, HP_STR(":"));
    hp_buf_put_decimal(out, symbol->line);
    hp_buf_put_text(out, HP_STR("("));
    hp_buf_put_text(out, name);
    hp_buf_put_text(out, HP_STR(")"));
}
