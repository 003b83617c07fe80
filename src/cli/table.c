/* table.c -- see table.h. */
#include "cli/table.h"

#include "base/mem.h"
#include "base/show.h"
#include "model/record.h"

size_t hp_table_width(struct hp_str text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.n; i++) {
        width += ((unsigned char)text.p[i] & 0xC0) != 0x80;
    }
    return width;
}

void hp_table_init(struct hp_table *table, const struct hp_table_column *columns, size_t column_count)
{
    hp_assert(column_count > 0 && column_count <= HP_TABLE_COLUMNS);
    *table = (struct hp_table){.columns = columns, .column_count = column_count};
    hp_arena_init(&table->arena, (size_t)1 << 28);
    for (size_t i = 0; i < column_count; i++) {
        table->widths[i] = hp_table_width(hp_str_from0(columns[i].title));
    }
}

void hp_table_fini(struct hp_table *table)
{
    hp_free(table->cells);
    hp_arena_fini(&table->arena);
}

void hp_table_cell(struct hp_table *table, struct hp_str text)
{
    if (table->err == HP_OK && table->cell_count == table->cell_capacity) {
        size_t more = table->cell_capacity == 0 ? 256 : table->cell_capacity * 2;
        struct hp_str *cells = hp_realloc(table->cells, more * sizeof *cells);
        table->err = cells == NULL ? HP_ENOMEM : HP_OK;
        table->cells = cells == NULL ? table->cells : cells;
        table->cell_capacity = cells == NULL ? table->cell_capacity : more;
    }
    char *copy = table->err == HP_OK ? hp_arena_dup(&table->arena, text.p, text.n) : NULL;
    if (copy == NULL) {
        table->err = HP_ENOMEM;
        return;
    }
    size_t column = table->cell_count % table->column_count, width = hp_table_width(text);
    table->widths[column] = width > table->widths[column] ? width : table->widths[column];
    table->cells[table->cell_count++] = hp_str_make(copy, text.n);
}

void hp_table_ns(struct hp_table *table, uint64_t ns)
{
    char text[HP_SHOW_BYTES];
    hp_table_cell(table, ns == HP_ABSENT ? HP_STR("-") : hp_str_from0(hp_show_ns(text, ns)));
}

void hp_table_count(struct hp_table *table, uint64_t count)
{
    char text[HP_SHOW_BYTES];
    hp_table_cell(table, count == HP_ABSENT ? HP_STR("-") : hp_str_from0(hp_show_count(text, count)));
}

void hp_table_share(struct hp_table *table, double share)
{
    char text[HP_SHOW_BYTES];
    hp_table_cell(table, hp_str_from0(hp_show_percent(text, share)));
}

static void put_cell(const struct hp_table *table, struct hp_buf *out, size_t column, struct hp_str text,
                     enum hp_paint paint)
{
    size_t pad = table->widths[column] - hp_table_width(text);
    bool left = table->columns[column].left, last = column + 1 == table->column_count;
    hp_buf_printf(out, "%*s", left ? 0 : (int)pad, "");
    hp_output_paint(out, paint, text);
    hp_buf_printf(out, "%*s", left && !last ? (int)pad : 0, "");
    hp_buf_put_text(out, last ? HP_STR("\n") : HP_STR("  "));
}

hp_err hp_table_put(const struct hp_table *table, struct hp_buf *out)
{
    hp_assert(table->column_count > 0);
    for (size_t i = 0; i < table->column_count; i++) {
        put_cell(table, out, i, hp_str_from0(table->columns[i].title), HP_PAINT_DIM);
    }
    for (size_t i = 0; i < table->cell_count; i++) {
        put_cell(table, out, i % table->column_count, table->cells[i], HP_PAINT_PLAIN);
    }
    return table->err != HP_OK ? table->err : out->err;
}
