/* fuzz_tree.c -- libFuzzer over hp_tree_decode: no crash, invariants hold, and what is accepted encodes to
 * itself again. */
#include <stdlib.h>
#include <string.h>

#include "model/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static struct hp_reader reader_of(const void *p, size_t n)
{
    struct hp_reader reader;
    hp_reader_init(&reader, p, n);
    return reader;
}

static void encode(struct hp_tree *tree, struct hp_buf *shape, struct hp_buf *values)
{
    hp_buf_init(shape, 1u << 24);
    hp_buf_init(values, 1u << 24);
    require(hp_tree_encode(tree, NULL, shape, values, NULL) == HP_OK);
}

static void check_again(struct hp_tree *first)
{
    struct hp_buf shape, values, shape2, values2;
    encode(first, &shape, &values);
    require(hp__tree_check(first) == NULL);
    struct hp_tree *second = hp_tree_new(NULL, 5000);
    require(second != NULL && hp_tree_decode(second, reader_of(shape.data, shape.len),
                                             reader_of(values.data, values.len), NULL, 1000) == HP_OK);
    encode(second, &shape2, &values2);
    require(hp_str_eq(hp_buf_str(&shape), hp_buf_str(&shape2)) &&
            hp_str_eq(hp_buf_str(&values), hp_buf_str(&values2)));
    require(hp_tree_merge(second, first, NULL) == HP_OK && hp__tree_check(second) == NULL);
    (void)hp_tree_calibrate(second, 50.0, 20.0);
    hp_tree_free(second);
    hp_buf_fini(&shape);
    hp_buf_fini(&values);
    hp_buf_fini(&shape2);
    hp_buf_fini(&values2);
}

/* The first two bytes tell where the shape ends and the values begin. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    size_t cut = ((size_t)data[0] << 8 | data[1]) % (size - 1);
    struct hp_tree *tree = hp_tree_new(NULL, 5000);
    require(tree != NULL);
    if (hp_tree_decode(tree, reader_of(data + 2, cut), reader_of(data + 2 + cut, size - 2 - cut), NULL,
                       1000) == HP_OK) {
        require(hp__tree_check(tree) == NULL);
        check_again(tree);
    } else {
        require(tree->count == 1);
    }
    hp_tree_free(tree);
    return 0;
}
