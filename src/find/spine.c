/* spine.c -- the lanes that a request goes through one after the other.
 *
 *     main  ──▶ waits for ─────────────────────────────────▶ answers      An asynchronous view is a task, in the loop of a thread that the main
 *                └ pool ──▶ runs its loop ──────────────┘                 lane only waits for: what it computes is the request's time as if
 *                            └ task: the view ─────────┘                  it stood in the main lane.
 *
 * From the main lane on: the longest lane that the last one waits for, if it has nearly all of what hangs
 * below the same node, and takes half of the request or more. The spine ends at the last task; threads
 * without one run beside the main lane as ever. Tasks that were gathered run beside each other.
 */
#include "find/find_int.h"

#define MIN_OF_NODE    0.9
#define MIN_OF_REQUEST 0.5

static uint64_t length_of(const struct hp_lane *lane)
{
    return lane->end_ns > lane->start_ns ? lane->end_ns - lane->start_ns : 0;
}

static bool waits_for(const struct hp_record *record, uint32_t lane, uint32_t other)
{
    for (uint32_t i = 0; i < record->edge_count; i++) {
        const struct hp_edge *edge = &record->edges[i];
        if (edge->lane == lane && edge->other == other &&
            (edge->kind == HP_EDGE_JOIN || edge->kind == HP_EDGE_RESULT || edge->kind == HP_EDGE_WAKE)) {
            return true;
        }
    }
    return false;
}

/* The lane that `lane` goes on in; `lane` itself: none. */
static uint32_t next_lane(const struct hp_record *record, uint32_t lane)
{
    uint32_t longest = lane;
    uint64_t of_node = 0;
    for (uint32_t i = lane + 1; i < record->lane_count; i++) {
        bool longer = longest == lane || length_of(&record->lanes[i]) > length_of(&record->lanes[longest]);
        longest = record->lanes[i].parent == lane && longer ? i : longest;
    }
    if (longest == lane || !waits_for(record, lane, longest)) {
        return lane;
    }
    for (uint32_t i = lane + 1; i < record->lane_count; i++) {
        bool same = record->lanes[i].parent == lane &&
                    record->lanes[i].parent_node == record->lanes[longest].parent_node;
        of_node += same ? length_of(&record->lanes[i]) : 0;
    }
    double own = (double)length_of(&record->lanes[longest]);
    return own >= MIN_OF_NODE * (double)of_node && own >= MIN_OF_REQUEST * (double)record->req.wall_ns
               ? longest
               : lane;
}

static uint32_t larger(const struct hp_tree *tree, uint32_t a, uint32_t b)
{
    return a == HP_NODE_NONE || tree->nodes[b].total > tree->nodes[a].total ? b : a;
}

/* The node below which a lane's code hangs: of several kinds at one place the largest. A tree of samples
 * knows no places of lanes: there it is the largest that has not been taken for another one. */
static uint32_t node_of(const struct hp__view *view, const struct hp_lane *lane)
{
    const struct hp_tree *tree = view->sample->tree;
    bool sampled = tree == view->sample->estimate;
    uint32_t found = HP_NODE_NONE;
    for (uint32_t i = 1; i < tree->count; i++) {
        bool here = sampled ? view->beside[i] != 0 : tree->nodes[i].parent == lane->parent_node;
        found = here && tree->nodes[i].kind == HP_NODE_LANE ? larger(tree, found, i) : found;
    }
    return found;
}

hp_err hp__spine_find(struct hp__view *view, struct hp_arena *arena)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    uint32_t lane = 0, next;
    while (record->lane_count != 0 && (next = next_lane(record, lane)) != lane) {
        lane = next;
        view->spine = record->lanes[lane].kind == HP_LANE_TASK ? lane : view->spine;
    }
    if (tree == NULL) {
        return HP_OK;
    }
    view->beside = hp__zeroed(arena, tree->count, 1);
    if (view->beside == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 1; i < tree->count; i++) {
        view->beside[i] = tree->nodes[i].kind == HP_NODE_LANE ? 1 : 0;
    }
    for (lane = view->spine; lane != 0; lane = record->lanes[lane].parent) {
        uint32_t node = node_of(view, &record->lanes[lane]);
        if (node != HP_NODE_NONE) {
            view->beside[node] = 0;
        }
    }
    for (uint32_t i = 1; i < tree->count; i++) {
        view->beside[i] |= view->beside[tree->nodes[i].parent];
    }
    return HP_OK;
}

uint64_t hp__spine_cpu_ns(const struct hp__view *view)
{
    const struct hp_record *record = view->sample->record;
    uint64_t ns = record->req.cpu_ns;
    for (uint32_t lane = view->spine; lane != 0 && ns != HP_ABSENT; lane = record->lanes[lane].parent) {
        ns += record->lanes[lane].cpu_ns != HP_ABSENT ? record->lanes[lane].cpu_ns : 0;
    }
    return ns;
}

hp_err hp__spine_cut(const struct hp__view *view, struct hp_arena *arena, struct hp__cut *cut, uint64_t ns)
{
    const struct hp_record *record = view->sample->record;
    /* The exact moment does not matter: what follows in the lane moves earlier by the same amount. */
    uint64_t middle = record->req.wall_ns / 2;
    if (view->spine != 0) {
        const struct hp_lane *lane = &record->lanes[view->spine];
        middle = lane->start_ns + length_of(lane) / 2;
    }
    return hp__cut_add(arena, cut, view->spine, middle, ns);
}
