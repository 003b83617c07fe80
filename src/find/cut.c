/* cut.c -- a cut: what one fix takes out of one request, and its price by replay (model/whatif.h). */
#include <string.h>
#include "find/find_int.h"

hp_err hp__cut_add(struct hp_arena *arena, struct hp__cut *cut, uint32_t lane, uint64_t at_ns,
                   uint64_t amount_ns)
{
    if (amount_ns == 0) {
        return HP_OK;
    }
    if (cut->count == cut->capacity) {
        uint32_t capacity = cut->capacity == 0 ? 16 : cut->capacity * 2;
        struct hp_removal *list = hp_arena_alloc(arena, capacity * sizeof *list, _Alignof(struct hp_removal));
        if (list == NULL) {
            return HP_ENOMEM;
        }
        if (cut->count != 0) {
            memcpy(list, cut->list, cut->count * sizeof *list);
        }
        cut->list = list;
        cut->capacity = capacity;
    }
    cut->list[cut->count++] = (struct hp_removal){.lane = lane, .at_ns = at_ns, .amount_ns = amount_ns};
    return HP_OK;
}

hp_err hp__cut_lane(struct hp_arena *arena, struct hp__cut *cut, const struct hp_record *record,
                    uint32_t lane)
{
    if (cut->lanes_gone == NULL) {
        cut->lanes_gone = hp_arena_alloc(arena, record->lane_count * sizeof *cut->lanes_gone, 1);
        if (cut->lanes_gone == NULL) {
            return HP_ENOMEM;
        }
        memset(cut->lanes_gone, 0, record->lane_count * sizeof *cut->lanes_gone);
    }
    cut->lanes_gone[lane] = true;
    return HP_OK;
}

hp_err hp__cut_merge(struct hp_arena *arena, struct hp__cut *cut, const struct hp__cut *more,
                     const struct hp_record *record)
{
    hp_err err = HP_OK;
    for (uint32_t i = 0; i < more->count && err == HP_OK; i++) {
        err = hp__cut_add(arena, cut, more->list[i].lane, more->list[i].at_ns, more->list[i].amount_ns);
    }
    for (uint32_t i = 0; more->lanes_gone != NULL && i < record->lane_count && err == HP_OK; i++) {
        if (more->lanes_gone[i]) {
            err = hp__cut_lane(arena, cut, record, i);
        }
    }
    return err;
}

hp_err hp__cut_price(const struct hp_sample *sample, const struct hp__cut *cut, struct hp_arena *scratch,
                     uint64_t *saving_ns)
{
    struct hp_whatif what;
    hp_arena_reset(scratch);
    hp_err err = hp_whatif_init(&what, sample->record, scratch);
    for (uint32_t i = 0; i < cut->count && err == HP_OK; i++) {
        err = hp_whatif_remove(&what, cut->list[i].lane, cut->list[i].at_ns, cut->list[i].amount_ns);
    }
    if (err != HP_OK) {
        return err;
    }
    for (uint32_t i = 0; cut->lanes_gone != NULL && i < sample->record->lane_count; i++) {
        if (cut->lanes_gone[i]) {
            hp_whatif_remove_lane(&what, i);
        }
    }
    uint64_t left = hp_whatif_duration_ns(&what);
    *saving_ns = left < sample->duration_ns ? sample->duration_ns - left : 0;
    return HP_OK;
}
