/* profile.c -- the tree of a request that was kept for its caller, as the bytes of a `.prof` file (decision
 * 0002).
 *
 * The tree is copied through its encoding: cost is taken out of the copy, and the one that lives on stays as
 * measured.
 */
#include "capture/capture_int.h"

#include "format/pstats.h"

#define PROFILE_MAX_BYTES (256u << 20)

/* A copy of the kept tree with totals, its own cost taken out unless `raw`. Symbols are those of the
 * capture. */
static hp_err copy_tree(struct hp_cap_request *request, bool raw, struct hp_tree *copy)
{
    struct hp_cap *cap = request->cap;
    struct hp_reader shape, values;
    hp_buf_reset(&cap->shape);
    hp_buf_reset(&cap->values);
    hp_err err = hp_tree_encode(request->tree, NULL, &cap->shape, &cap->values, NULL);
    if (err != HP_OK) {
        return err;
    }
    hp_reader_init(&shape, cap->shape.data, cap->shape.len);
    hp_reader_init(&values, cap->values.data, cap->values.len);
    err = hp_tree_decode(copy, shape, values, NULL, hp_dict_symbol_count(cap->dict));
    if (err == HP_OK && !raw) {
        (void)hp_tree_calibrate(copy, (double)cap->call_inner_ps / 1000.0,
                                (double)cap->call_outer_ps / 1000.0);
    }
    return err;
}

hp_err hp_cap_request_pstats(struct hp_cap_request *request, bool raw, uint8_t **data, size_t *n)
{
    struct hp_tree *copy = NULL;
    struct hp_buf out;
    hp_err err = HP_ENOMEM;
    hp_buf_init(&out, PROFILE_MAX_BYTES);
    if (hp__cap_request_tree(request) == NULL) {
        err = HP_ESTATE;
        goto done;
    }
    copy = hp_tree_new(request->cap->dict, HP_TREE_CAP);
    if (copy == NULL) {
        goto done;
    }
    err = copy_tree(request, raw, copy);
    if (err == HP_OK) {
        err = hp_pstats_write(copy, request->cap->dict, &out);
    }
    if (err == HP_OK) {
        *data = hp_buf_detach(&out, n);
    }
done:
    hp_tree_free(copy);
    hp_buf_fini(&out);
    return err;
}
