/* table.h -- rows of cells, columns as wide as their widest cell, figures to the right.
 *
 * Cells are copied. The last column is not padded and may be cut at the terminal's width by whoever makes its
 * text.
 */
#ifndef HP_TABLE_H
#define HP_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "cli/output.h"

#define HP_TABLE_COLUMNS 16

struct hp_table_column {
    const char *title;
    bool left; /* else right-aligned */
};

struct hp_table {
    const struct hp_table_column *columns;
    size_t column_count;
    size_t widths[HP_TABLE_COLUMNS];
    struct hp_str *cells;
    size_t cell_count, cell_capacity;
    struct hp_arena arena;
    hp_err err; /* HP_ENOMEM sticks */
};

/* Borrows `columns`. Owns: hp_table_fini. */
void hp_table_init(struct hp_table *table, const struct hp_table_column *columns, size_t column_count);
void hp_table_fini(struct hp_table *table);

/* The next cell, row by row. */
void hp_table_cell(struct hp_table *table, struct hp_str text);
void hp_table_ns(struct hp_table *table, uint64_t ns);       /* HP_ABSENT: "-" */
void hp_table_count(struct hp_table *table, uint64_t count); /* likewise */
void hp_table_share(struct hp_table *table, double share);

/* Append header and rows. Fails: HP_ENOMEM (also from before), HP_EFULL. */
HP_CHECK hp_err hp_table_put(const struct hp_table *table, struct hp_buf *out);

/* Characters of a text, as columns of a terminal (wide characters count one). */
size_t hp_table_width(struct hp_str text);

#endif
