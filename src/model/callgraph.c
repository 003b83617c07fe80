/* callgraph.c -- see callgraph.h. */
#include "model/callgraph.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "model/functions.h"

#define FUNCTIONS_MAX ((size_t)1 << 24)
#define EDGES_MAX     ((size_t)1 << 26)
#define ARENA_BYTES   ((size_t)1 << 40)

void hp_callgraph_init(struct hp_callgraph *graph, double per_unit)
{
    *graph = (struct hp_callgraph){.per_unit = per_unit};
    hp_map_init(&graph->by_pair, EDGES_MAX);
}

void hp_callgraph_fini(struct hp_callgraph *graph)
{
    hp_free(graph->functions);
    hp_free(graph->edges);
    hp_free(graph->order);
    hp_free(graph->by_sym);
    hp_map_fini(&graph->by_pair);
    *graph = (struct hp_callgraph){0};
}

/* Make room for one more of `size` bytes. */
static hp_err grow(void **items, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity) {
        return HP_OK;
    }
    uint32_t wanted = *capacity == 0 ? 64 : *capacity * 2;
    void *bigger = hp_realloc(*items, wanted * size);
    if (bigger == NULL) {
        return HP_ENOMEM;
    }
    *items = bigger;
    *capacity = wanted;
    return HP_OK;
}

/* Room for a symbol in by_sym. */
static hp_err reach_symbol(struct hp_callgraph *graph, uint32_t sym)
{
    if (sym < graph->sym_capacity) {
        return HP_OK;
    }
    if (sym >= FUNCTIONS_MAX) {
        return HP_EFULL;
    }
    uint32_t wanted = sym < 512 ? 1024 : sym * 2;
    uint32_t *bigger = hp_realloc(graph->by_sym, wanted * sizeof *bigger);
    if (bigger == NULL) {
        return HP_ENOMEM;
    }
    memset(bigger + graph->sym_capacity, 0, (wanted - graph->sym_capacity) * sizeof *bigger);
    graph->by_sym = bigger;
    graph->sym_capacity = wanted;
    return HP_OK;
}

hp_err hp_callgraph_function(struct hp_callgraph *graph, uint32_t sym, uint32_t *index)
{
    for (uint32_t i = 0; graph->moved && i < graph->count; i++) {
        graph->by_sym[graph->functions[i].sym] = i + 1;
    }
    graph->moved = false;
    hp_err err = reach_symbol(graph, sym);
    if (err == HP_OK && graph->by_sym[sym] != 0) {
        *index = graph->by_sym[sym] - 1;
        return HP_OK;
    }
    void *items = graph->functions;
    err = err != HP_OK ? err : grow(&items, graph->count, &graph->capacity, sizeof *graph->functions);
    graph->functions = items;
    if (err == HP_OK) {
        *index = graph->count++;
        graph->functions[*index] = (struct hp_callgraph_function){.sym = sym};
        graph->by_sym[sym] = graph->count;
    }
    return err;
}

hp_err hp_callgraph_list(struct hp_callgraph *graph, uint32_t index)
{
    if (graph->functions[index].listed) {
        return HP_OK;
    }
    void *items = graph->order;
    hp_err err = grow(&items, graph->listed_count, &graph->order_capacity, sizeof *graph->order);
    graph->order = items;
    if (err == HP_OK) {
        graph->functions[index].listed = true;
        graph->order[graph->listed_count++] = index;
    }
    return err;
}

static uint64_t pair_key(uint32_t caller, uint32_t callee)
{
    return (uint64_t)caller << 32 | callee;
}

hp_err hp_callgraph_append(struct hp_callgraph *graph, const struct hp_callgraph_edge *add)
{
    void *items = graph->edges;
    hp_err err = graph->edge_count < EDGES_MAX
                     ? grow(&items, graph->edge_count, &graph->edge_capacity, sizeof *graph->edges)
                     : HP_EFULL;
    graph->edges = items;
    if (err == HP_OK) {
        graph->edges[graph->edge_count++] = *add;
        graph->unmapped = true;
    }
    return err;
}

static hp_err map_pairs(struct hp_callgraph *graph)
{
    hp_err err = HP_OK;
    hp_map_clear(&graph->by_pair);
    for (uint32_t i = 0; i < graph->edge_count && err == HP_OK; i++) {
        err = hp_map_put(&graph->by_pair, pair_key(graph->edges[i].caller, graph->edges[i].callee), i);
    }
    graph->unmapped = err != HP_OK;
    return err;
}

hp_err hp_callgraph_edge(struct hp_callgraph *graph, const struct hp_callgraph_edge *add)
{
    uint32_t index;
    hp_err err = graph->unmapped ? map_pairs(graph) : HP_OK;
    if (err != HP_OK) {
        return err;
    }
    if (hp_map_get(&graph->by_pair, pair_key(add->caller, add->callee), &index)) {
        struct hp_callgraph_edge *edge = &graph->edges[index];
        edge->calls += add->calls;
        edge->primitive += add->primitive;
        edge->self += add->self;
        edge->total += add->total;
        edge->bare = edge->bare && add->bare;
        return HP_OK;
    }
    index = graph->edge_count;
    err = hp_callgraph_append(graph, add);
    if (err == HP_OK) {
        err = hp_map_put(&graph->by_pair, pair_key(add->caller, add->callee), index);
        graph->edge_count -= err != HP_OK;
        graph->unmapped = false;
    }
    return err;
}

/* ---- order ---- */

/* New places of functions: the listed ones in their order, then the others. */
static void place_functions(const struct hp_callgraph *graph, uint32_t *place)
{
    uint32_t next = graph->listed_count;
    for (uint32_t i = 0; i < graph->listed_count; i++) {
        place[graph->order[i]] = i;
    }
    for (uint32_t i = 0; i < graph->count; i++) {
        if (!graph->functions[i].listed) {
            place[i] = next++;
        }
    }
}

/* Edges by callee, a counting sort, which keeps the order of callers. `at` has room for count + 1. */
static void place_edges(const struct hp_callgraph *graph, const uint32_t *place, uint32_t *at,
                        struct hp_callgraph_edge *edges)
{
    memset(at, 0, ((size_t)graph->count + 1) * sizeof *at);
    for (uint32_t i = 0; i < graph->edge_count; i++) {
        at[place[graph->edges[i].callee] + 1]++;
    }
    for (uint32_t i = 1; i <= graph->count; i++) {
        at[i] += at[i - 1];
    }
    for (uint32_t i = 0; i < graph->edge_count; i++) {
        struct hp_callgraph_edge edge = graph->edges[i];
        edge.caller = place[edge.caller];
        edge.callee = place[edge.callee];
        edges[at[edge.callee]++] = edge;
    }
}

static bool in_order(const struct hp_callgraph *graph)
{
    for (uint32_t i = 0; i < graph->listed_count; i++) {
        if (graph->order[i] != i) {
            return false;
        }
    }
    for (uint32_t i = 1; i < graph->edge_count; i++) {
        if (graph->edges[i].callee < graph->edges[i - 1].callee) {
            return false;
        }
    }
    return true;
}

hp_err hp_callgraph_finish(struct hp_callgraph *graph)
{
    if (in_order(graph)) {
        return HP_OK;
    }
    hp_err err = HP_ENOMEM;
    uint32_t *place = hp_malloc(((size_t)graph->count * 2 + 1) * sizeof *place);
    struct hp_callgraph_function *functions = hp_malloc((size_t)graph->count * sizeof *functions);
    struct hp_callgraph_edge *edges = hp_malloc((size_t)graph->edge_count * sizeof *edges);
    if (place == NULL || functions == NULL || edges == NULL) {
        goto done;
    }
    place_functions(graph, place);
    place_edges(graph, place, place + graph->count, edges);
    for (uint32_t i = 0; i < graph->count; i++) {
        functions[place[i]] = graph->functions[i];
    }
    for (uint32_t i = 0; i < graph->listed_count; i++) {
        graph->order[i] = i;
    }
    memcpy(graph->functions, functions, (size_t)graph->count * sizeof *functions);
    if (graph->edge_count != 0) {
        memcpy(graph->edges, edges, (size_t)graph->edge_count * sizeof *edges);
    }
    graph->moved = graph->unmapped = true; /* few graphs are added to afterwards, so the maps wait for that */
    err = HP_OK;
done:
    hp_free(edges);
    hp_free(functions);
    hp_free(place);
    return err;
}

/* ---- from a tree ---- */

static int compare_pairs(const void *a, const void *b)
{
    const struct hp_function_pair *x = a, *y = b;
    if (x->callee != y->callee) {
        return x->callee < y->callee ? -1 : 1;
    }
    return x->caller < y->caller ? -1 : x->caller > y->caller;
}

static bool is_thread(const struct hp_dict *dict, uint32_t sym)
{
    return hp_dict_symbol(dict, sym).kind == HP_SYM_ROOT;
}

static hp_err add_functions(struct hp_callgraph *graph, const struct hp_functions *functions,
                            const struct hp_dict *dict, uint32_t *index_of)
{
    hp_err err = HP_OK;
    for (uint32_t i = 0; i < functions->count && err == HP_OK; i++) {
        const struct hp_function *from = &functions->list[i];
        index_of[i] = UINT32_MAX;
        if (is_thread(dict, from->sym)) {
            graph->outside += (double)from->self_ns;
            continue;
        }
        uint32_t index = 0;
        err = hp_callgraph_function(graph, from->sym, &index);
        err = err != HP_OK ? err : hp_callgraph_list(graph, index);
        if (err == HP_OK) {
            struct hp_callgraph_function *function = &graph->functions[index];
            function->calls = from->calls + from->resumes;
            function->primitive = from->primitive;
            function->self = (double)from->self_ns;
            function->total = (double)from->total_ns;
            index_of[i] = index;
        }
    }
    return err;
}

hp_err hp_callgraph_fold(struct hp_callgraph *graph, const struct hp_tree *tree, const struct hp_dict *dict)
{
    struct hp_functions functions;
    struct hp_arena arena;
    uint32_t *index_of = NULL;
    hp_arena_init(&arena, ARENA_BYTES);
    hp_err err = hp_functions_fold(tree, &arena, &functions);
    if (err != HP_OK) {
        goto done;
    }
    index_of = hp_malloc((size_t)functions.count * sizeof *index_of);
    err = index_of == NULL ? HP_ENOMEM : add_functions(graph, &functions, dict, index_of);
    if (err != HP_OK) {
        goto done;
    }
    graph->outside += (double)functions.outside_ns;
    if (functions.pair_count != 0) {
        qsort(functions.pairs, functions.pair_count, sizeof *functions.pairs, compare_pairs);
    }
    for (uint32_t i = 0; i < functions.pair_count && err == HP_OK; i++) {
        const struct hp_function_pair *pair = &functions.pairs[i];
        struct hp_callgraph_edge edge = {.caller = index_of[pair->caller],
                                         .callee = index_of[pair->callee],
                                         .calls = pair->calls + pair->resumes,
                                         .primitive = pair->primitive,
                                         .self = (double)pair->self_ns,
                                         .total = (double)pair->total_ns};
        if (edge.caller != UINT32_MAX && edge.callee != UINT32_MAX) {
            err = hp_callgraph_append(graph, &edge); /* each pair is there once */
        }
    }
    err = err != HP_OK ? err : hp_callgraph_finish(graph);
done:
    hp_free(index_of);
    hp_arena_fini(&arena);
    return err;
}

/* ---- merge ---- */

static hp_err merge_functions(struct hp_callgraph *into, const struct hp_callgraph *from,
                              const uint32_t *sym_map, double scale, uint32_t *index_of)
{
    hp_err err = HP_OK;
    for (uint32_t i = 0; i < from->count && err == HP_OK; i++) {
        const struct hp_callgraph_function *add = &from->functions[i];
        uint32_t index = 0;
        err = hp_callgraph_function(into, sym_map == NULL ? add->sym : sym_map[add->sym], &index);
        if (err == HP_OK && add->listed) {
            err = hp_callgraph_list(into, index);
        }
        if (err == HP_OK) {
            struct hp_callgraph_function *function = &into->functions[index];
            index_of[i] = index;
            function->calls += add->calls;
            function->primitive += add->primitive;
            function->self += add->self * scale;
            function->total += add->total * scale;
        }
    }
    return err;
}

hp_err hp_callgraph_merge(struct hp_callgraph *into, const struct hp_callgraph *from, const uint32_t *sym_map)
{
    double scale = into->per_unit == from->per_unit ? 1.0 : into->per_unit / from->per_unit;
    uint32_t *index_of = hp_malloc((size_t)from->count * sizeof *index_of);
    hp_err err = index_of == NULL ? HP_ENOMEM : merge_functions(into, from, sym_map, scale, index_of);
    for (uint32_t i = 0; i < from->edge_count && err == HP_OK; i++) {
        struct hp_callgraph_edge edge = from->edges[i];
        edge.caller = index_of[edge.caller];
        edge.callee = index_of[edge.callee];
        edge.self *= scale;
        edge.total *= scale;
        err = hp_callgraph_edge(into, &edge);
    }
    into->outside += from->outside * scale;
    hp_free(index_of);
    return err;
}

struct hp_callgraph_sums hp_callgraph_sum(const struct hp_callgraph *graph)
{
    struct hp_callgraph_sums sums = {0};
    for (uint32_t i = 0; i < graph->listed_count; i++) {
        const struct hp_callgraph_function *function = &graph->functions[i];
        sums.calls += function->calls;
        sums.primitive += function->primitive;
        sums.self += function->self;
        sums.most = function->total > sums.most ? function->total : sums.most;
    }
    return sums;
}
