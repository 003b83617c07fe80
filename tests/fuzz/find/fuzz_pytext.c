/* fuzz_pytext.c -- libFuzzer over the readers of Python source. The first byte is the line that is asked
 * about.
 *
 * Holds: no crash, every reading ends; statements lie in the text, one after the other; a line needs lines
 * that were asked about.
 */
#include <stdlib.h>

#include "find/asks.h"
#include "find/depends.h"
#include "find/pytext.h"

#define MOST  64u
#define LINES 3u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void split(struct hp_str source)
{
    struct hp__py_statement list[MOST];
    uint32_t n = hp__py_split(source, 1, list, MOST);
    for (uint32_t i = 0; i < n; i++) {
        require(list[i].first <= list[i].last);
        require(list[i].text.p >= source.p && list[i].text.p + list[i].text.n <= source.p + source.n);
        require(i == 0 || list[i].text.p >= list[i - 1].text.p + list[i - 1].text.n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hp_arena arena;
    struct hp__py py;
    unsigned asks;
    if (size == 0) {
        return 0;
    }
    struct hp_str source = hp_str_make((const char *)data + 1, size - 1);
    struct hp__depends depends = {.lines = {data[0], data[0] + 1u, data[0] + 2u}, .count = LINES};
    hp_arena_init(&arena, (size_t)16 << 20);
    hp__py_init(&py, source, 1);
    for (size_t left = source.n; hp__py_next(&py).kind != HP__PY_END; left--) {
        require(left != 0);
    }
    split(source);
    require(hp__py_loop(source, 1, data[0]) <= data[0]);
    require(hp__depends_read(source, 1, &arena, &depends) == HP_OK);
    for (uint32_t i = 0; i < LINES; i++) {
        require(depends.needs[i] >> LINES == 0);
    }
    require(hp__asks_read(source, 1, data[0], HP_STR(""), &arena, &asks) == HP_OK);
    require(hp__asks_read(source, 1, data[0], HP_STR("get"), &arena, &asks) == HP_OK);
    hp_arena_fini(&arena);
    return 0;
}
