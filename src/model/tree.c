/* tree.c -- the call tree: look-up, epochs, merge, encoding.
 *
 * Nodes live in one array that doubles up to max_nodes; a hash with linear probing, at most half full, finds
 * a node by (parent, symbol, site, kind). Both keep nodes of earlier epochs. Ids grow downwards the tree, so
 * sums over subtrees are single passes over the array from its end, without recursion.
 *
 * New children are put in front of their siblings; lists are merge-sorted when the tree is encoded, which
 * touches only lists that got a child since. Decoding leaves the hash for later (`hashed`): most decoded
 * trees are only read.
 */
#include "model/tree.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

#define FIRST_CAPACITY 64u
#define MIN_NODES      4u
#define SHAPE_VERSION  1
#define POPS_MORE      7u /* in the head byte: a varint of the pops beyond 7 follows */
#define HEAD_KIND      8u
#define LINE_BITS      4
#define SHAPE_MAX      20 /* bytes of one node at most */
#define VALUES_MAX     100
#define ROOT_SITE      UINT32_MAX /* no child asks for it, so a guess of 0 never fits */

enum {
    HAS_RESUMES = 1,
    HAS_EXCEPTIONS = 2,
    HAS_CPU = 4,
    HAS_ALLOC_BYTES = 8,
    HAS_ALLOC_BLOCKS = 16,
    HAS_SAMPLES = 32,
    HAS_LINES = 64,
    HAS_ALL = 127
};

/* ---- memory ---- */

static size_t hash_slot(const struct hp_tree *tree, uint32_t parent, uint32_t sym, uint32_t site,
                        uint32_t kind)
{
    uint64_t hash = hp_hash_mix((uint64_t)parent << 32 | sym, (uint64_t)site << 8 | kind);
    return (size_t)hash & tree->slot_mask;
}

static void insert_slot(struct hp_tree *tree, uint32_t id)
{
    const struct hp_node *node = &tree->nodes[id];
    size_t i = hash_slot(tree, node->parent, node->sym, node->site, node->kind);
    while (tree->slots[i] != 0) {
        i = (i + 1) & tree->slot_mask;
    }
    tree->slots[i] = id;
}

static void hash_pending(struct hp_tree *tree)
{
    for (; tree->hashed < tree->count; tree->hashed++) {
        insert_slot(tree, tree->hashed);
    }
}

/* Room for one node more; new slots wait for hash_pending. Fails: the tree stays as it was. */
static hp_err grow(struct hp_tree *tree)
{
    if (tree->count < tree->capacity) {
        return HP_OK;
    }
    if (tree->capacity >= tree->max_nodes) {
        return HP_EFULL;
    }
    uint32_t capacity = tree->capacity == 0 ? FIRST_CAPACITY : tree->capacity;
    if (tree->capacity != 0) {
        capacity = capacity <= tree->max_nodes / 2 ? capacity * 2 : tree->max_nodes;
    }
    capacity = capacity < tree->max_nodes ? capacity : tree->max_nodes;
    size_t slot_count = 2 * FIRST_CAPACITY;
    while (slot_count < (size_t)capacity * 2) {
        slot_count *= 2;
    }
    uint32_t *slots = hp_calloc(slot_count, sizeof *slots);
    struct hp_node *nodes = slots != NULL ? hp_realloc(tree->nodes, capacity * sizeof *nodes) : NULL;
    if (nodes == NULL) {
        hp_free(slots);
        return HP_ENOMEM;
    }
    hp_free(tree->slots);
    tree->nodes = nodes;
    tree->slots = slots;
    tree->slot_mask = (uint32_t)(slot_count - 1);
    tree->capacity = capacity;
    tree->hashed = 1;
    return HP_OK;
}

static void reset_counters(struct hp_node *node)
{
    node->calls = node->self = node->resumes = node->total = 0;
    node->cpu_ns = node->alloc_bytes = node->alloc_blocks = node->samples = 0;
    node->exceptions = node->leaf = 0;
}

static void make_root(struct hp_tree *tree)
{
    tree->nodes[HP_NODE_ROOT] = (struct hp_node){.parent = HP_NODE_NONE,
                                                 .first_child = HP_NODE_NONE,
                                                 .next_sibling = HP_NODE_NONE,
                                                 .site = ROOT_SITE,
                                                 .kind = HP_NODE_LANE,
                                                 .epoch = tree->epoch};
    tree->count = tree->hashed = tree->lane_count = 1;
    tree->overflow_node = tree->overflow_lane = HP_NODE_NONE;
    tree->overflow_nodes = tree->held_nodes = 0;
    tree->overflow_count = 0;
    tree->unsorted = false;
    hp_leaves_reset(&tree->leaves);
}

struct hp_tree *hp_tree_new(const struct hp_dict *dict, uint32_t max_nodes)
{
    struct hp_tree *tree = hp_calloc(1, sizeof *tree);
    if (tree == NULL) {
        return NULL;
    }
    tree->dict = dict;
    tree->max_nodes = max_nodes > MIN_NODES ? max_nodes : MIN_NODES;
    tree->epoch = 1;
    hp_leaves_init(&tree->leaves, tree->max_nodes);
    if (grow(tree) != HP_OK) {
        hp_free(tree);
        return NULL;
    }
    make_root(tree);
    return tree;
}

void hp_tree_hold(struct hp_tree *tree, uint32_t nodes)
{
    hp_assert(tree->dict != NULL && nodes < tree->max_nodes / 2);
    tree->held_most = nodes;
}

void hp_tree_free(struct hp_tree *tree)
{
    if (tree != NULL) {
        hp_free(tree->nodes);
        hp_free(tree->slots);
        hp_leaves_fini(&tree->leaves);
        hp_free(tree);
    }
}

void hp_tree_clear(struct hp_tree *tree)
{
    memset(tree->slots, 0, ((size_t)tree->slot_mask + 1) * sizeof *tree->slots);
    make_root(tree);
}

void hp_tree_begin(struct hp_tree *tree)
{
    if (++tree->epoch == 0) {
        /* Once in 2^32 requests: no old node may look live. */
        for (uint32_t i = 0; i < tree->count; i++) {
            tree->nodes[i].epoch = 0;
        }
        tree->epoch = 1;
    }
    struct hp_node *root = &tree->nodes[HP_NODE_ROOT];
    reset_counters(root);
    root->epoch = tree->epoch;
    tree->overflow_count = 0;
    hp_leaves_reset(&tree->leaves);
}

/* ---- look-up ---- */

/* A node at the end of the array, linked in front of its siblings. Precondition: room. */
static uint32_t append(struct hp_tree *tree, uint32_t parent, uint32_t sym, uint32_t site,
                       enum hp_node_kind kind)
{
    uint32_t id = tree->count++;
    struct hp_node *up = &tree->nodes[parent];
    bool lane = kind == HP_NODE_LANE;
    tree->nodes[id] = (struct hp_node){.sym = sym,
                                       .site = site,
                                       .epoch = tree->epoch,
                                       .kind = (uint8_t)kind,
                                       .parent = parent,
                                       .first_child = HP_NODE_NONE,
                                       .next_sibling = up->first_child,
                                       .lane = lane ? id : up->lane};
    up->first_child = id;
    tree->lane_count += lane;
    tree->overflow_nodes += kind == HP_NODE_OVERFLOW && up->kind == HP_NODE_LANE;
    tree->held_nodes += kind == HP_NODE_OVERFLOW && up->kind != HP_NODE_LANE;
    return id;
}

static uint32_t find(struct hp_tree *tree, uint32_t parent, uint32_t sym, uint32_t site,
                     enum hp_node_kind kind)
{
    hash_pending(tree);
    for (size_t i = hash_slot(tree, parent, sym, site, kind); tree->slots[i] != 0;
         i = (i + 1) & tree->slot_mask) {
        const struct hp_node *node = &tree->nodes[tree->slots[i]];
        if (node->parent == parent && node->sym == sym && node->site == site && node->kind == kind) {
            return tree->slots[i];
        }
    }
    return HP_NODE_NONE;
}

/* Make a node if `room` more fit; HP_NODE_NONE if not. */
static uint32_t make(struct hp_tree *tree, uint32_t parent, uint32_t sym, uint32_t site,
                     enum hp_node_kind kind, uint32_t room)
{
    if (tree->max_nodes - tree->count < room || grow(tree) != HP_OK) {
        return HP_NODE_NONE;
    }
    uint32_t id = append(tree, parent, sym, site, kind);
    if (tree->nodes[id].next_sibling != HP_NODE_NONE) {
        tree->nodes[parent].unsorted = 1;
        tree->unsorted = true;
    }
    hash_pending(tree);
    return id;
}

/* OVERFLOW nodes that may still be made below application functions. */
static uint32_t left_for_functions(const struct hp_tree *tree)
{
    return tree->held_most > tree->held_nodes ? tree->held_most - tree->held_nodes : 0;
}

/* Nodes held back: an OVERFLOW node for each lane, the shared LANE node with its own, and those below
 * application functions. */
static uint32_t held_back(const struct hp_tree *tree)
{
    uint32_t lanes = tree->lane_count > tree->overflow_nodes ? tree->lane_count - tree->overflow_nodes : 0;
    return lanes + (tree->overflow_lane == HP_NODE_NONE ? 2 : 0) + left_for_functions(tree);
}

static void touch(struct hp_tree *tree, uint32_t id)
{
    struct hp_node *node = &tree->nodes[id];
    if (node->epoch != tree->epoch) {
        reset_counters(node);
        node->epoch = tree->epoch;
    }
}

/* The application function that the node is in, or its LANE node; or the first node on the way that knows
 * where calls go. */
static uint32_t function_of(const struct hp_tree *tree, uint32_t node)
{
    while (tree->nodes[node].kind != HP_NODE_LANE && tree->nodes[node].beyond == 0 &&
           (hp_dict_symbol(tree->dict, tree->nodes[node].sym).flags & HP_SYM_APP) == 0) {
        node = tree->nodes[node].parent;
    }
    return node;
}

/* The OVERFLOW node of the application function that the node is in; HP_NODE_NONE: there is none, or no room
 * for one. */
static uint32_t overflow_in_function(struct hp_tree *tree, uint32_t node)
{
    uint32_t function = function_of(tree, node), id = tree->nodes[function].beyond;
    if (tree->nodes[function].kind == HP_NODE_LANE) {
        return HP_NODE_NONE;
    }
    if (id == 0) {
        id = find(tree, function, 0, 0, HP_NODE_OVERFLOW);
        id = id == HP_NODE_NONE && left_for_functions(tree) != 0
                 ? make(tree, function, 0, 0, HP_NODE_OVERFLOW, 1)
                 : id;
    }
    for (uint32_t at = node; id != HP_NODE_NONE && tree->nodes[at].beyond == 0; at = tree->nodes[at].parent) {
        tree->nodes[at].beyond = id;
        if (at == function) {
            break;
        }
    }
    return id;
}

static uint32_t overflow_in_lane(struct hp_tree *tree, uint32_t parent, bool lane)
{
    uint32_t below = lane ? HP_NODE_ROOT : tree->nodes[parent].lane;
    enum hp_node_kind made = lane ? HP_NODE_LANE : HP_NODE_OVERFLOW;
    uint32_t id = find(tree, below, 0, 0, made);
    if (id == HP_NODE_NONE) {
        id = make(tree, below, 0, 0, made, 1);
    }
    if (id != HP_NODE_NONE && lane) {
        tree->overflow_lane = id;
    } else if (id != HP_NODE_NONE && below == HP_NODE_ROOT) {
        tree->overflow_node = id;
    }
    return id;
}

/* Where what does not fit goes: see the head of tree.h. */
static uint32_t overflow(struct hp_tree *tree, uint32_t parent, enum hp_node_kind kind)
{
    bool lane = kind == HP_NODE_LANE;
    uint32_t id = lane || tree->held_most == 0 ? HP_NODE_NONE : overflow_in_function(tree, parent);
    id = id == HP_NODE_NONE ? overflow_in_lane(tree, parent, lane) : id;
    tree->overflow_count++;
    if (id == HP_NODE_NONE) {
        return parent;
    }
    touch(tree, id);
    return id;
}

/* hp_tree_guess among nodes of epochs before: a request's first calls are those of the request before. */
static uint32_t guess_before(const struct hp_tree *tree, uint32_t parent, uint32_t sym, uint32_t site,
                             enum hp_node_kind kind)
{
    uint32_t first = tree->nodes[parent].last_child, guesses[] = {first, tree->nodes[first].successor};
    for (int i = 0; i < 2; i++) {
        const struct hp_node *node = &tree->nodes[guesses[i]];
        if (node->parent == parent && node->sym == sym && node->site == site && node->kind == kind) {
            return guesses[i];
        }
    }
    return HP_NODE_NONE;
}

uint32_t hp__tree_child_slow(struct hp_tree *tree, uint32_t parent, uint32_t sym, uint32_t site,
                             enum hp_node_kind kind, bool *fresh)
{
    hp_assert(site != ROOT_SITE);
    *fresh = false;
    if (tree->nodes[parent].kind == HP_NODE_OVERFLOW && kind != HP_NODE_LANE) {
        tree->overflow_count++;
        return parent;
    }
    uint32_t id = guess_before(tree, parent, sym, site, kind);
    id = id == HP_NODE_NONE ? find(tree, parent, sym, site, kind) : id;
    if (id == HP_NODE_NONE) {
        id = make(tree, parent, sym, site, kind, held_back(tree) + (kind == HP_NODE_LANE ? 2 : 1));
        if (id == HP_NODE_NONE) {
            return overflow(tree, parent, kind);
        }
        *fresh = true;
    }
    touch(tree, id);
    struct hp_node *up = &tree->nodes[parent];
    if (up->last_child != 0) {
        tree->nodes[up->last_child].successor = id;
    }
    up->last_child = id;
    return id;
}

void hp_tree_set_line(struct hp_tree *tree, uint32_t node, uint32_t line)
{
    tree->nodes[node].line = line;
}

uint32_t hp_tree_child_at_line(struct hp_tree *tree, uint32_t parent, uint32_t sym, uint32_t line,
                               enum hp_node_kind kind)
{
    bool fresh = false;
    uint32_t id = hp_tree_child(tree, parent, sym, line != ROOT_SITE ? line : 0, kind, &fresh);
    if (fresh) {
        tree->nodes[id].line = line;
    }
    return id;
}

/* ---- walking ---- */

bool hp_tree_live(const struct hp_tree *tree, uint32_t node)
{
    return node < tree->count && tree->nodes[node].epoch == tree->epoch;
}

/* The first live node of a list of siblings. */
static uint32_t skip_stale(const struct hp_tree *tree, uint32_t id)
{
    while (id != HP_NODE_NONE && tree->nodes[id].epoch != tree->epoch) {
        id = tree->nodes[id].next_sibling;
    }
    return id;
}

/* The next live node in preorder; `*pops` is how many levels up its parent is from `id`. */
static uint32_t next_live(const struct hp_tree *tree, uint32_t id, uint32_t *pops)
{
    *pops = 0;
    uint32_t next = skip_stale(tree, tree->nodes[id].first_child);
    while (next == HP_NODE_NONE && id != HP_NODE_ROOT) {
        next = skip_stale(tree, tree->nodes[id].next_sibling);
        id = tree->nodes[id].parent;
        ++*pops;
    }
    return next;
}

uint32_t hp_tree_next(const struct hp_tree *tree, uint32_t node)
{
    uint32_t pops;
    return next_live(tree, node, &pops);
}

/* ---- order of siblings ---- */

static uint64_t order_hash(const struct hp_tree *tree, uint32_t sym)
{
    return tree->dict != NULL ? hp_dict_symbol_hash(tree->dict, sym) : sym;
}

/* Whether `a` may stand before `b`. */
static bool in_order(const struct hp_tree *tree, uint32_t a, uint32_t b)
{
    const struct hp_node *x = &tree->nodes[a];
    const struct hp_node *y = &tree->nodes[b];
    if (x->sym != y->sym) {
        uint64_t hx = order_hash(tree, x->sym);
        uint64_t hy = order_hash(tree, y->sym);
        if (hx != hy) {
            return hx < hy;
        }
    }
    if (x->site != y->site) {
        return x->site < y->site;
    }
    return x->kind != y->kind ? x->kind < y->kind : x->sym <= y->sym;
}

/* Take the first `width` nodes off a list; returns the rest. */
static uint32_t cut(struct hp_tree *tree, uint32_t list, uint32_t width)
{
    while (list != HP_NODE_NONE && --width != 0) {
        list = tree->nodes[list].next_sibling;
    }
    if (list == HP_NODE_NONE) {
        return HP_NODE_NONE;
    }
    uint32_t rest = tree->nodes[list].next_sibling;
    tree->nodes[list].next_sibling = HP_NODE_NONE;
    return rest;
}

/* Merge two sorted lists to *link; returns the link at the end. */
static uint32_t *merge_lists(struct hp_tree *tree, uint32_t a, uint32_t b, uint32_t *link)
{
    while (a != HP_NODE_NONE || b != HP_NODE_NONE) {
        uint32_t *from = b == HP_NODE_NONE || (a != HP_NODE_NONE && in_order(tree, a, b)) ? &a : &b;
        *link = *from;
        link = &tree->nodes[*from].next_sibling;
        *from = *link;
    }
    return link;
}

/* Bottom-up merge sort of a node's children: stable, no memory, no recursion. */
static void sort_children(struct hp_tree *tree, struct hp_node *up)
{
    bool merged = true;
    for (uint32_t width = 1; merged; width *= 2) {
        uint32_t rest = up->first_child;
        uint32_t *link = &up->first_child;
        merged = false;
        while (rest != HP_NODE_NONE) {
            uint32_t a = rest;
            uint32_t b = cut(tree, a, width);
            merged = merged || b != HP_NODE_NONE;
            rest = b != HP_NODE_NONE ? cut(tree, b, width) : HP_NODE_NONE;
            link = merge_lists(tree, a, b, link);
        }
        *link = HP_NODE_NONE;
    }
    up->unsorted = 0;
}

static void sort_tree(struct hp_tree *tree)
{
    for (uint32_t i = 0; tree->unsorted && i < tree->count; i++) {
        if (tree->nodes[i].unsorted) {
            sort_children(tree, &tree->nodes[i]);
        }
    }
    tree->unsorted = false;
}

/* ---- merge ---- */

static void add_counters(struct hp_tree *into, uint32_t id, const struct hp_tree *tree,
                         const struct hp_node *from)
{
    struct hp_node *to = &into->nodes[id];
    to->calls += from->calls;
    to->resumes += from->resumes;
    to->exceptions += from->exceptions;
    to->self += from->self;
    to->total += from->total;
    to->cpu_ns += from->cpu_ns;
    to->alloc_bytes += from->alloc_bytes;
    to->alloc_blocks += from->alloc_blocks;
    to->samples += from->samples;
    for (uint32_t at = to->kind == HP_NODE_OVERFLOW ? 0 : from->leaf; at != 0;
         at = tree->leaves.list[at - 1].next) {
        const struct hp_leaf *leaf = &tree->leaves.list[at - 1];
        hp_leaves_add(&into->leaves, &to->leaf, leaf->line, leaf->self, leaf->samples);
    }
}

hp_err hp_tree_merge(struct hp_tree *into, const struct hp_tree *from, const uint32_t *sym_map)
{
    hp_assert(into != from);
    uint32_t *ids = hp_malloc(from->count * sizeof *ids);
    if (ids == NULL) {
        return HP_ENOMEM;
    }
    ids[HP_NODE_ROOT] = HP_NODE_ROOT;
    add_counters(into, HP_NODE_ROOT, from, &from->nodes[HP_NODE_ROOT]);
    for (uint32_t i = 1; i < from->count; i++) {
        const struct hp_node *node = &from->nodes[i];
        if (node->epoch == from->epoch) {
            uint32_t sym = sym_map != NULL ? sym_map[node->sym] : node->sym;
            ids[i] = hp_tree_child_at_line(into, ids[node->parent], sym, node->line,
                                           (enum hp_node_kind)node->kind);
            add_counters(into, ids[i], from, node);
        }
    }
    hp_free(ids);
    return HP_OK;
}

/* ---- samples ---- */

void hp_tree_add_sample(struct hp_tree *tree, uint32_t node, uint32_t line, uint64_t self_ns, uint64_t cpu_ns)
{
    struct hp_node *at = &tree->nodes[node];
    at->self += self_ns;
    at->cpu_ns += cpu_ns;
    at->samples++;
    if (at->kind == HP_NODE_CALL) { /* an overflow node is of many functions */
        hp_leaves_add(&tree->leaves, &at->leaf, line, self_ns, 1);
    }
}

void hp_tree_scale(struct hp_tree *tree, double factor)
{
    for (uint32_t i = 0; i < tree->count; i++) {
        tree->nodes[i].self = (uint64_t)((double)tree->nodes[i].self * factor);
        tree->nodes[i].cpu_ns = (uint64_t)((double)tree->nodes[i].cpu_ns * factor);
    }
    for (uint32_t i = 0; i < tree->leaves.count; i++) {
        tree->leaves.list[i].self = (uint64_t)((double)tree->leaves.list[i].self * factor);
    }
    hp_tree_total(tree);
}

uint64_t hp_tree_samples(const struct hp_tree *tree)
{
    uint64_t samples = 0;
    for (uint32_t i = HP_NODE_ROOT; i != HP_NODE_NONE; i = hp_tree_next(tree, i)) {
        samples += tree->nodes[i].samples;
    }
    return samples;
}

double hp_tree_share_error(double share, uint64_t samples)
{
    double p = share < 0 ? 0 : share > 1 ? 1 : share;
    return samples == 0 ? 1 : 2 * sqrt(p * (1 - p) / (double)samples);
}

/* ---- encoding ---- */

static uint8_t *put_varint(uint8_t *p, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        *p++ = (uint8_t)(value | 0x80);
    }
    *p++ = (uint8_t)value;
    return p;
}

static void put_shape(struct hp_buf *out, uint32_t pops, uint32_t sym, uint32_t line, uint8_t kind)
{
    if (!hp_buf_reserve(out, SHAPE_MAX)) {
        return;
    }
    uint8_t *p = out->data + out->len;
    uint32_t low = line & ((1u << LINE_BITS) - 1);
    *p++ = (uint8_t)((pops < POPS_MORE ? pops : POPS_MORE) | (kind != HP_NODE_CALL ? HEAD_KIND : 0) |
                     low << (8 - LINE_BITS));
    if (pops >= POPS_MORE) {
        p = put_varint(p, pops - POPS_MORE);
    }
    if (kind != HP_NODE_CALL) {
        *p++ = kind;
    }
    p = put_varint(p, sym);
    p = put_varint(p, line >> LINE_BITS);
    out->len = (size_t)(p - out->data);
}

static uint8_t *put_extra(uint8_t *p, const struct hp_node *node, uint32_t has)
{
    p = put_varint(p, has);
    const uint64_t values[] = {node->resumes,     node->exceptions,   node->cpu_ns,
                               node->alloc_bytes, node->alloc_blocks, node->samples};
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
        if (has >> i & 1) {
            p = put_varint(p, values[i]);
        }
    }
    return p;
}

static void put_values(struct hp_buf *out, const struct hp_tree *tree, const struct hp_node *node,
                       uint64_t self_ns)
{
    if (!hp_buf_reserve(out, VALUES_MAX)) {
        return;
    }
    uint8_t *p = out->data + out->len;
    uint32_t has = 0;
    if ((node->resumes | node->exceptions | node->cpu_ns | node->alloc_bytes | node->alloc_blocks |
         node->samples | node->leaf) != 0) {
        has = (node->resumes != 0 ? HAS_RESUMES : 0u) | (node->exceptions != 0 ? HAS_EXCEPTIONS : 0u) |
              (node->cpu_ns != 0 ? HAS_CPU : 0u) | (node->alloc_bytes != 0 ? HAS_ALLOC_BYTES : 0u) |
              (node->alloc_blocks != 0 ? HAS_ALLOC_BLOCKS : 0u) | (node->samples != 0 ? HAS_SAMPLES : 0u) |
              (node->leaf != 0 ? HAS_LINES : 0u);
    }
    p = put_varint(p, node->calls << 1 | (has != 0));
    if (has != 0) {
        p = put_extra(p, node, has);
    }
    if (node->leaf == 0) {
        p = put_varint(p, self_ns);
        out->len = (size_t)(p - out->data);
        return;
    }
    out->len = (size_t)(p - out->data);
    hp_leaves_put(&tree->leaves, node->leaf, out);
    hp_buf_put_varint(out, self_ns);
}

hp_err hp_tree_encode(struct hp_tree *tree, uint64_t (*ns_of)(uint64_t), struct hp_buf *shape,
                      struct hp_buf *values, uint32_t *number_of)
{
    sort_tree(tree);
    if (number_of != NULL) {
        memset(number_of, 0xff, tree->count * sizeof *number_of);
    }
    hp_buf_put_u8(shape, SHAPE_VERSION);
    hp_buf_put_varint(shape, tree->nodes[HP_NODE_ROOT].sym);
    uint64_t sum = 0;
    uint64_t sum_ns = 0;
    uint32_t number = 0;
    uint32_t pops = 0;
    for (uint32_t id = HP_NODE_ROOT; id != HP_NODE_NONE; id = next_live(tree, id, &pops)) {
        const struct hp_node *node = &tree->nodes[id];
        if (id != HP_NODE_ROOT) {
            put_shape(shape, pops, node->sym, node->line, node->kind);
        }
        uint64_t self_ns = node->self;
        if (ns_of != NULL && self_ns != 0) {
            /* The difference of two converted sums: the whole is exact though each node is rounded. */
            sum += self_ns;
            uint64_t until = ns_of(sum);
            self_ns = until - sum_ns;
            sum_ns = until;
        }
        put_values(values, tree, node, self_ns);
        if (number_of != NULL) {
            number_of[id] = number++;
        }
    }
    return shape->err != HP_OK ? shape->err : values->err;
}

/* ---- decoding ---- */

struct shape_node {
    uint32_t pops, sym, line;
    uint8_t kind;
};

/* hp_reader_varint with two bytes inline: most numbers of a tree have one or two. */
static inline uint64_t read_varint(struct hp_reader *in)
{
    if (in->end - in->p >= 2 && in->p[1] < 0x80 && in->p[0] >= 0x80) {
        uint64_t value = (uint64_t)(in->p[0] & 0x7F) | (uint64_t)in->p[1] << 7;
        in->p += 2;
        return value;
    }
    return hp_reader_varint(in);
}

static inline uint32_t read_u32(struct hp_reader *in)
{
    uint64_t value = read_varint(in);
    if (value > UINT32_MAX) {
        in->bad = true;
    }
    return (uint32_t)value;
}

static bool read_shape_node(struct hp_reader *in, struct shape_node *node)
{
    uint8_t head = hp_reader_u8(in);
    *node = (struct shape_node){.pops = head & POPS_MORE};
    if (node->pops == POPS_MORE) {
        uint32_t more = read_u32(in);
        node->pops = more < UINT32_MAX - POPS_MORE ? more + POPS_MORE : UINT32_MAX;
    }
    node->kind = head & HEAD_KIND ? hp_reader_u8(in) : HP_NODE_CALL;
    node->sym = read_u32(in);
    uint32_t high = read_u32(in);
    node->line = high << LINE_BITS | (uint32_t)head >> (8 - LINE_BITS);
    return !in->bad && node->kind < HP_NODE_KIND_COUNT && high < UINT32_MAX >> LINE_BITS;
}

static hp_err read_shape_head(struct hp_reader *in, uint32_t *sym)
{
    uint8_t version = hp_reader_u8(in);
    *sym = read_u32(in);
    if (!in->bad && version > SHAPE_VERSION) {
        return HP_EVERSION;
    }
    return in->bad || version != SHAPE_VERSION ? HP_EFORMAT : HP_OK;
}

static bool read_values(struct hp_reader *in, struct hp_tree *tree, struct hp_node *node)
{
    uint64_t calls = read_varint(in);
    node->calls = calls >> 1;
    if (calls & 1) {
        uint64_t has = read_varint(in);
        uint64_t exceptions = 0;
        uint64_t *const fields[] = {&node->resumes,     &exceptions,         &node->cpu_ns,
                                    &node->alloc_bytes, &node->alloc_blocks, &node->samples};
        for (unsigned i = 0; i < sizeof fields / sizeof *fields; i++) {
            if (has >> i & 1) {
                *fields[i] = read_varint(in);
            }
        }
        node->exceptions = exceptions < UINT32_MAX ? (uint32_t)exceptions : UINT32_MAX;
        if (has > HAS_ALL || (has & HAS_LINES && hp_leaves_get(&tree->leaves, &node->leaf, in) != HP_OK)) {
            return false;
        }
    }
    node->self = read_varint(in);
    return !in->bad;
}

/* Append the node behind `prev`, the last one in preorder. False: there are not so many levels. */
static bool append_decoded(struct hp_tree *tree, uint32_t prev, const struct shape_node *shape, uint32_t sym)
{
    uint32_t parent = prev;
    uint32_t elder = HP_NODE_NONE;
    for (uint32_t i = 0; i < shape->pops; i++) {
        if (parent == HP_NODE_ROOT) {
            return false;
        }
        elder = parent;
        parent = tree->nodes[parent].parent;
    }
    uint32_t site = shape->line; /* read_shape_node leaves ROOT_SITE out */
    uint32_t id = append(tree, parent, sym, site, (enum hp_node_kind)shape->kind);
    tree->nodes[id].line = shape->line;
    if (elder != HP_NODE_NONE) {
        /* Behind the elder sibling, not in front of the first. */
        tree->nodes[parent].first_child = tree->nodes[id].next_sibling;
        tree->nodes[id].next_sibling = HP_NODE_NONE;
        tree->nodes[elder].next_sibling = id;
        tree->nodes[parent].unsorted = 1;
        tree->unsorted = true;
    }
    return true;
}

static hp_err decode(struct hp_tree *tree, struct hp_reader *shape, struct hp_reader *values,
                     const uint32_t *sym_map, uint32_t sym_count)
{
    struct shape_node node = {0};
    hp_err err = read_shape_head(shape, &node.sym);
    if (err != HP_OK) {
        return err;
    }
    for (uint32_t id = HP_NODE_ROOT;; id++) {
        if (node.sym >= sym_count) {
            return HP_EFORMAT;
        }
        uint32_t sym = sym_map != NULL ? sym_map[node.sym] : node.sym;
        if (id == HP_NODE_ROOT) {
            tree->nodes[id].sym = sym;
        } else {
            err = grow(tree);
            if (err != HP_OK) {
                return err;
            }
            if (!append_decoded(tree, id - 1, &node, sym)) {
                return HP_EFORMAT;
            }
        }
        if (!read_values(values, tree, &tree->nodes[id])) {
            return HP_EFORMAT;
        }
        if (hp_reader_left(shape) == 0) {
            return hp_reader_left(values) == 0 ? HP_OK : HP_EFORMAT;
        }
        if (!read_shape_node(shape, &node)) {
            return HP_EFORMAT;
        }
    }
}

hp_err hp_tree_decode(struct hp_tree *tree, struct hp_reader shape, struct hp_reader values,
                      const uint32_t *sym_map, uint32_t sym_count)
{
    hp_tree_clear(tree);
    hp_err err = decode(tree, &shape, &values, sym_map, sym_count);
    if (err != HP_OK) {
        hp_tree_clear(tree);
        return err;
    }
    hp_tree_total(tree);
    return HP_OK;
}

hp_err hp_tree_map_shape(struct hp_reader shape, uint32_t (*map)(void *ctx, uint32_t sym), void *ctx,
                         struct hp_buf *out)
{
    struct shape_node node = {0};
    hp_err err = read_shape_head(&shape, &node.sym);
    if (err != HP_OK) {
        return err;
    }
    hp_buf_put_u8(out, SHAPE_VERSION);
    hp_buf_put_varint(out, node.sym != 0 ? map(ctx, node.sym) : 0);
    while (hp_reader_left(&shape) != 0) {
        if (!read_shape_node(&shape, &node)) {
            return HP_EFORMAT;
        }
        put_shape(out, node.pops, node.sym != 0 ? map(ctx, node.sym) : 0, node.line, node.kind);
    }
    return out->err;
}

/* ---- sums ---- */

void hp_tree_total(struct hp_tree *tree)
{
    struct hp_node *nodes = tree->nodes;
    for (uint32_t i = 0; i < tree->count; i++) {
        nodes[i].total = nodes[i].self;
    }
    for (uint32_t i = tree->count - 1; i > 0; i--) {
        if (nodes[i].epoch == tree->epoch && nodes[i].kind != HP_NODE_LANE) {
            nodes[nodes[i].parent].total += nodes[i].total;
        }
    }
}

static bool is_call(const struct hp_node *node)
{
    return node->kind == HP_NODE_CALL || node->kind == HP_NODE_TEMPLATE || node->kind == HP_NODE_OVERFLOW;
}

uint64_t hp_tree_calibrate(struct hp_tree *tree, double inner_ns, double outer_ns)
{
    /* `total` holds the calls made by each node until the totals are made anew. */
    struct hp_node *nodes = tree->nodes;
    uint64_t taken = 0;
    for (uint32_t i = 0; i < tree->count; i++) {
        nodes[i].total = 0;
        if (i != HP_NODE_ROOT && nodes[i].epoch == tree->epoch && is_call(&nodes[i])) {
            nodes[nodes[i].parent].total += nodes[i].calls + nodes[i].resumes;
        }
    }
    for (uint32_t i = 0; i < tree->count; i++) {
        if (nodes[i].epoch != tree->epoch) {
            continue;
        }
        double own_calls = is_call(&nodes[i]) ? (double)(nodes[i].calls + nodes[i].resumes) : 0.0;
        double cost = own_calls * inner_ns + (double)nodes[i].total * outer_ns + 0.5;
        uint64_t cut_ns = cost < (double)nodes[i].self ? (uint64_t)cost : nodes[i].self;
        nodes[i].self -= cut_ns;
        taken += nodes[i].lane == HP_NODE_ROOT ? cut_ns : 0;
    }
    hp_tree_total(tree);
    return taken;
}

/* ---- check ---- */

static const char *check_node(const struct hp_tree *tree, uint32_t id)
{
    const struct hp_node *node = &tree->nodes[id];
    if (node->parent >= id) {
        return "a parent does not come before its child";
    }
    const struct hp_node *up = &tree->nodes[node->parent];
    if (node->lane != (node->kind == HP_NODE_LANE ? id : up->lane)) {
        return "a node is in the wrong lane";
    }
    if (node->epoch == tree->epoch && up->epoch != tree->epoch) {
        return "a live node below a stale one";
    }
    if (node->successor != 0 && tree->nodes[node->successor].parent != node->parent) {
        return "a guess is no sibling";
    }
    if (node->last_child != 0 && tree->nodes[node->last_child].parent != id) {
        return "a guess is no child";
    }
    uint32_t next = node->next_sibling;
    if (next != HP_NODE_NONE && !up->unsorted && !in_order(tree, id, next)) {
        return "siblings out of order";
    }
    return NULL;
}

static const char *check_leaves(const struct hp_tree *tree)
{
    uint32_t used = 0;
    for (uint32_t i = HP_NODE_ROOT; i != HP_NODE_NONE; i = hp_tree_next(tree, i)) {
        uint32_t line = 0;
        for (uint32_t at = tree->nodes[i].leaf; at != 0; at = tree->leaves.list[at - 1].next) {
            if (at > tree->leaves.count || tree->leaves.list[at - 1].line <= line) {
                return "the lines of a node are out of order";
            }
            line = tree->leaves.list[at - 1].line;
            used++;
        }
    }
    return used == tree->leaves.count ? NULL : "a line belongs to no node, or to two";
}

const char *hp__tree_check(const struct hp_tree *tree)
{
    if (tree->count == 0 || tree->count > tree->capacity || tree->capacity > tree->max_nodes) {
        return "counts do not fit";
    }
    uint32_t children = 0;
    for (uint32_t i = 0; i < tree->count; i++) {
        const char *wrong = i != HP_NODE_ROOT ? check_node(tree, i) : NULL;
        if (wrong != NULL) {
            return wrong;
        }
        for (uint32_t c = tree->nodes[i].first_child; c != HP_NODE_NONE; c = tree->nodes[c].next_sibling) {
            if (c >= tree->count || tree->nodes[c].parent != i || ++children >= tree->count) {
                return "lists of children are broken";
            }
        }
    }
    uint32_t hashed = 0;
    for (size_t i = 0; i <= tree->slot_mask; i++) {
        hashed += tree->slots[i] != 0;
    }
    if (children != tree->count - 1 || hashed != tree->hashed - 1) {
        return "a node is lost";
    }
    return check_leaves(tree);
}
