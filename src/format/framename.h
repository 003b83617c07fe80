/* framename.h -- what other tools call a function: its plain name, its file, and module for colours.
 *
 * Why: cProfile and those who read its files know co_name and co_filename; we keep qualified names and files
 * relative to sys.path. One place turns ours into theirs. All results are borrowed from the symbol. Threads:
 * any. Fails: never.
 */
#ifndef HP_FRAMENAME_H
#define HP_FRAMENAME_H

#include "base/buf.h"
#include "base/str.h"
#include "model/dict.h"

/* co_name: the last part of a qualified name ("f.<locals>.<lambda>" gives "<lambda>"); of C functions the
 * name as it is. */
struct hp_str hp_framename_plain(const struct hp_symbol *symbol);

/* co_filename as the interpreter has it, "~" for C functions and what else has no file. */
struct hp_str hp_framename_path(const struct hp_symbol *symbol);

/* The top package or file of a symbol: "flask" of "flask/app.py", "shop.py"; "C" for C functions. */
struct hp_str hp_framename_module(const struct hp_symbol *symbol);

/* What stands for a node whose symbol has no name: "thread" and the like for lanes, "(request)" for the
 * root. */
struct hp_str hp_framename_shown(const struct hp_symbol *symbol, bool root);

/* Append "name (file:line)", only the name where there is no file. */
void hp_framename_put(struct hp_buf *out, const struct hp_symbol *symbol, bool root);

/* Append a function as pstats writes it: "file:line(name)", "{built-in method x}". */
void hp_framename_put_pstats(struct hp_buf *out, const struct hp_symbol *symbol);

#endif
