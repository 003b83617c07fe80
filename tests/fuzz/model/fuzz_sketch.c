/* fuzz_sketch.c -- libFuzzer over hp_sketch_decode: no crash, and what is accepted encodes to itself
 * again. */
#include <stdlib.h>
#include <string.h>

#include "model/sketch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void encode(const struct hp_sketch *sketch, struct hp_buf *buf)
{
    hp_buf_init(buf, 1u << 20);
    hp_sketch_encode(sketch, buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hp_sketch *first = hp_sketch_new();
    struct hp_sketch *second = hp_sketch_new();
    require(first != NULL && second != NULL);
    struct hp_reader reader;
    hp_reader_init(&reader, data, size);
    if (hp_sketch_decode(&reader, first) == HP_OK) {
        struct hp_buf once;
        struct hp_buf twice;
        encode(first, &once);
        require(once.err == HP_OK);
        hp_reader_init(&reader, once.data, once.len);
        require(hp_sketch_decode(&reader, second) == HP_OK && hp_reader_left(&reader) == 0);
        encode(second, &twice);
        require(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
        uint64_t median = hp_sketch_quantile(second, 0.5);
        require(median >= hp_sketch_min_ns(second) && median <= hp_sketch_max_ns(second));
        hp_buf_fini(&once);
        hp_buf_fini(&twice);
    } else {
        require(hp_sketch_count(first) == 0);
    }
    hp_sketch_free(first);
    hp_sketch_free(second);
    return 0;
}
