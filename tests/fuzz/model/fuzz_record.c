/* fuzz_record.c -- libFuzzer over hp_record_decode: no crash, and what is accepted encodes to itself
 * again. */
#include <stdlib.h>
#include <string.h>

#include "model/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void encode(const struct hp_record *record, struct hp_buf *buf)
{
    hp_buf_init(buf, 1u << 24);
    require(hp_record_encode(record, buf) == HP_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hp_arena arena;
    hp_arena_init(&arena, 1u << 24);
    struct hp_reader reader;
    hp_reader_init(&reader, data, size);
    struct hp_record record;
    if (hp_record_decode(&reader, &arena, &record) == HP_OK) {
        struct hp_buf once;
        struct hp_buf twice;
        encode(&record, &once);
        hp_reader_init(&reader, once.data, once.len);
        struct hp_record again;
        require(hp_record_decode(&reader, &arena, &again) == HP_OK && hp_reader_left(&reader) == 0);
        encode(&again, &twice);
        require(hp_str_eq(hp_buf_str(&once), hp_buf_str(&twice)));
        hp_buf_fini(&once);
        hp_buf_fini(&twice);
    } else {
        require(record.lane_count == 0 && record.lanes == NULL && record.req.wall_ns == 0);
    }
    hp_reader_init(&reader, data, size);
    (void)!hp_record_decode_detail(&reader, &arena, &record);
    hp_arena_fini(&arena);
    return 0;
}
