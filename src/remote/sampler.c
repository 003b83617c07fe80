/* sampler.c -- see sampler.h. */
#include "remote/sampler.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "remote/proc.h"

#define TREE_NODES     (1u << 20)
#define RESCAN_NS      1000000000u /* how often children are looked for */
#define STILL_NS       20000000u /* schedstat of a running thread moves at least every tick, 10 ms at most */
#define COMMAND_BYTES  96
#define DUMP_TRIES     25 /* of a stack that moves … */
#define DUMP_MOMENT_NS 2000000
#define SKIPPED_MOST   256

/* What is kept of a thread between samples. */
struct task {
    uint64_t native_id;
    pid_t task;
    int schedstat, stat; /* descriptors, -1 none */
    struct hp_proc_sched sched;
    uint64_t since_ns;    /* since when that is what it is; 0 not read yet */
    uint64_t read_ns;     /* when the stack was read; 0 not yet */
    uint32_t node, line;  /* of that stack; where its innermost frame is */
    uint32_t thread_node; /* of the thread, when apart */
    bool seen;
};

struct process {
    struct hp_target *target;
    char command[COMMAND_BYTES + 4];
    struct task *tasks;
    uint32_t count, capacity;
    uint64_t last_ns; /* of the last sample; 0 none */
    uint32_t node;    /* when apart, else the root */
};

struct hp_sampler {
    struct hp_sampler_options options;
    struct hp_dict *dict;
    struct hp_tree *tree;
    pid_t pid;
    int root_dir; /* /proc/PID of the process given */
    struct process processes[HP_SAMPLER_PROCESSES];
    uint32_t process_count;
    pid_t skipped[SKIPPED_MOST]; /* children that were looked at in vain */
    uint64_t skipped_inode[SKIPPED_MOST];
    uint32_t skipped_count;
    uint64_t scanned_ns, last_ns;
    struct hp_sampler_counts counts;
};

/* ---- nodes ---- */

static uint32_t named_symbol(struct hp_sampler *sampler, const char *name)
{
    uint32_t sym = 0;
    struct hp_symbol symbol = {.name = hp_str_from0(name), .kind = HP_SYM_ROOT};
    return hp_dict_add_symbol(sampler->dict, &symbol, &sym) == HP_OK ? sym : 0;
}

static void name_process(struct hp_sampler *sampler, struct process *process)
{
    char name[COMMAND_BYTES + 40];
    process->node = HP_NODE_ROOT;
    snprintf(name, sizeof name, "%s (%ld)", process->command, (long)hp_target_pid(process->target));
    if (sampler->options.apart) {
        process->node =
            hp_tree_child_at_line(sampler->tree, HP_NODE_ROOT, named_symbol(sampler, name), 0, HP_NODE_CALL);
    }
}

static void name_task(struct hp_sampler *sampler, const struct process *process, struct task *task)
{
    char name[64], comm[16];
    task->thread_node = process->node;
    if (sampler->options.apart) {
        hp_proc_task_name(hp_target_dir(process->target), task->task, comm);
        snprintf(name, sizeof name, "thread %ld%s%s", (long)task->task, comm[0] != '\0' ? " " : "", comm);
        task->thread_node =
            hp_tree_child_at_line(sampler->tree, process->node, named_symbol(sampler, name), 0, HP_NODE_CALL);
    }
}

/* The node of a stack. A call stands at the line its caller is at. */
static uint32_t node_of(struct hp_sampler *sampler, uint32_t node, const struct hp_target_stack *stack)
{
    uint32_t line = 0;
    for (uint32_t i = stack->count; i-- > 0;) {
        node = hp_tree_child_at_line(sampler->tree, node, stack->frames[i].sym, line, HP_NODE_CALL);
        line = stack->frames[i].line;
    }
    return node;
}

/* ---- threads ---- */

static void close_task(struct task *task)
{
    if (task->schedstat >= 0) {
        close(task->schedstat);
    }
    if (task->stat >= 0) {
        close(task->stat);
    }
}

static struct task *add_task(struct hp_sampler *sampler, struct process *process, uint64_t native_id)
{
    if (process->count == process->capacity) {
        uint32_t capacity = process->capacity == 0 ? 16 : process->capacity * 2;
        struct task *tasks = hp_realloc(process->tasks, capacity * sizeof *tasks);
        if (tasks == NULL) {
            return NULL;
        }
        process->tasks = tasks;
        process->capacity = capacity;
    }
    int dir = hp_target_dir(process->target);
    struct task *task = &process->tasks[process->count++];
    *task = (struct task){.native_id = native_id, .schedstat = -1, .stat = -1};
    task->task = hp_proc_task(dir, hp_target_is_namespaced(process->target), native_id);
    if (task->task != 0) {
        task->schedstat = hp_proc_open_task(dir, task->task, "schedstat");
        task->stat = hp_proc_open_task(dir, task->task, "stat");
    }
    name_task(sampler, process, task);
    return task;
}

/* Threads keep their order, so the one wanted is nearly always the next. */
static struct task *find_task(struct hp_sampler *sampler, struct process *process, uint32_t hint,
                              uint64_t native_id)
{
    for (uint32_t i = 0; i < process->count; i++) {
        uint32_t at = (hint + i) % process->count;
        if (process->tasks[at].native_id == native_id) {
            return &process->tasks[at];
        }
    }
    return add_task(sampler, process, native_id);
}

static void drop_unseen(struct process *process)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < process->count; i++) {
        if (process->tasks[i].seen) {
            process->tasks[i].seen = false;
            process->tasks[kept++] = process->tasks[i];
        } else {
            close_task(&process->tasks[i]);
        }
    }
    process->count = kept;
}

/* Whether the thread has not been on a CPU since its stack was read. A running thread's figures move with the
 * tick only, hence the pause before they are trusted. */
static bool is_still(struct hp_sampler *sampler, struct task *task, uint64_t now_ns)
{
    struct hp_proc_sched sched;
    if (task->schedstat < 0 || !hp_proc_schedstat(task->schedstat, &sched)) {
        task->since_ns = 0;
        return false;
    }
    if (sched.cpu_ns == task->sched.cpu_ns && sched.turns == task->sched.turns && task->since_ns != 0) {
        return now_ns - task->since_ns >= STILL_NS && task->read_ns > task->since_ns;
    }
    if (task->since_ns != 0) {
        sampler->counts.cpu_ns += sched.cpu_ns - task->sched.cpu_ns;
        sampler->counts.queue_ns += sched.queue_ns - task->sched.queue_ns;
    }
    task->sched = sched;
    task->since_ns = now_ns;
    return false;
}

static void add_time(struct hp_sampler *sampler, const struct task *task, const struct hp_thread *thread,
                     uint64_t elapsed_ns, bool runs)
{
    struct hp_sampler_counts *counts = &sampler->counts;
    bool wanted = sampler->options.mode == HP_SAMPLER_WALL ||
                  (sampler->options.mode == HP_SAMPLER_CPU && runs) ||
                  (sampler->options.mode == HP_SAMPLER_GIL && thread->has_gil);
    counts->wall_ns += elapsed_ns;
    counts->gil_ns += thread->has_gil ? elapsed_ns : 0;
    if (wanted) {
        hp_tree_add_sample(sampler->tree, task->node, task->line, elapsed_ns, runs ? elapsed_ns : 0);
    }
}

/* One thread. HP_OK also where its stack could not be had. */
static hp_err sample_thread(struct hp_sampler *sampler, struct process *process, uint32_t i, uint64_t now_ns,
                            uint64_t elapsed_ns)
{
    const struct hp_thread *thread = &hp_target_threads(process->target)->threads[i];
    struct hp_target_stack stack;
    struct task *task = find_task(sampler, process, i, thread->native_id);
    if (task == NULL) {
        return HP_ENOMEM;
    }
    task->seen = true;
    bool still = is_still(sampler, task, now_ns);
    if (!still) {
        hp_err err = hp_target_stack(process->target, i, &stack);
        if (err == HP_ECORRUPT) {
            sampler->counts.torn++;
            task->read_ns = 0;
            return HP_OK;
        }
        if (err != HP_OK) {
            return err;
        }
        task->read_ns = now_ns;
        task->node = stack.count == 0 ? HP_NODE_NONE : node_of(sampler, task->thread_node, &stack);
        task->line = stack.count == 0 ? 0 : stack.frames[0].line;
        sampler->counts.cut += stack.cut;
    }
    if (task->node == HP_NODE_NONE) {
        return HP_OK; /* runs no Python code */
    }
    sampler->counts.samples++;
    sampler->counts.reused += still;
    bool runs = !still && (task->stat < 0 || hp_proc_state(task->stat) == 'R');
    add_time(sampler, task, thread, elapsed_ns, runs);
    return HP_OK;
}

/* ---- processes ---- */

static void close_process(struct process *process)
{
    for (uint32_t i = 0; i < process->count; i++) {
        close_task(&process->tasks[i]);
    }
    hp_free(process->tasks);
    hp_target_close(process->target);
    *process = (struct process){0};
}

static void remove_process(struct hp_sampler *sampler, uint32_t i)
{
    close_process(&sampler->processes[i]);
    sampler->processes[i] = sampler->processes[--sampler->process_count];
    sampler->processes[sampler->process_count] = (struct process){0};
}

static hp_err add_process(struct hp_sampler *sampler, pid_t pid, struct hp_errinfo *info)
{
    struct hp_buf command;
    if (sampler->process_count == HP_SAMPLER_PROCESSES) {
        return HP_EFULL;
    }
    struct process *process = &sampler->processes[sampler->process_count];
    *process = (struct process){0};
    hp_err err = hp_target_open(pid, sampler->dict, sampler->options.place, &process->target, info);
    if (err != HP_OK) {
        return err;
    }
    hp_buf_init(&command, 4096);
    hp_proc_command(hp_target_dir(process->target), COMMAND_BYTES, &command);
    snprintf(process->command, sizeof process->command, "%.*s", (int)command.len, (const char *)command.data);
    hp_buf_fini(&command);
    name_process(sampler, process);
    sampler->process_count++;
    if (sampler->process_count > sampler->counts.most_processes) {
        sampler->counts.most_processes = sampler->process_count;
    }
    return HP_OK;
}

static bool is_known(const struct hp_sampler *sampler, pid_t pid)
{
    for (uint32_t i = 0; i < sampler->process_count; i++) {
        if (hp_target_pid(sampler->processes[i].target) == pid) {
            return true;
        }
    }
    return false;
}

/* Children that are no CPython are not looked at again as long as they run the same program. */
static bool was_skipped(struct hp_sampler *sampler, pid_t pid, int dir)
{
    uint64_t inode = hp_proc_program(dir);
    for (uint32_t i = 0; i < sampler->skipped_count; i++) {
        if (sampler->skipped[i] == pid) {
            bool same = sampler->skipped_inode[i] == inode;
            sampler->skipped_inode[i] = inode;
            return same;
        }
    }
    return false;
}

static void skip(struct hp_sampler *sampler, pid_t pid, int dir)
{
    for (uint32_t i = 0; i < sampler->skipped_count; i++) {
        if (sampler->skipped[i] == pid) {
            return;
        }
    }
    sampler->counts.skipped++;
    uint32_t at =
        sampler->skipped_count < SKIPPED_MOST ? sampler->skipped_count++ : (uint32_t)pid % SKIPPED_MOST;
    sampler->skipped[at] = pid;
    sampler->skipped_inode[at] = hp_proc_program(dir);
}

/* Add what the root started, and what that started. */
static hp_err scan_children(struct hp_sampler *sampler)
{
    pid_t found[HP_SAMPLER_PROCESSES];
    size_t count = hp_proc_descendants(sampler->root_dir, sampler->pid, found, HP_SAMPLER_PROCESSES);
    hp_err err = HP_OK;
    for (size_t i = 0; i < count && err != HP_ENOMEM; i++) {
        int dir;
        if (hp_proc_open(found[i], &dir) != HP_OK) {
            continue;
        }
        if (!is_known(sampler, found[i]) && !was_skipped(sampler, found[i], dir)) {
            err = add_process(sampler, found[i], NULL);
            if (err != HP_OK && err != HP_ENOTFOUND) {
                skip(sampler, found[i], dir);
            }
        }
        close(dir);
    }
    return err == HP_ENOMEM ? err : HP_OK;
}

hp_err hp_sampler_new(pid_t pid, const struct hp_sampler_options *options, struct hp_sampler **out,
                      struct hp_errinfo *info)
{
    struct hp_sampler *sampler = hp_calloc(1, sizeof *sampler);
    struct hp_errinfo own = {0};
    hp_err err = HP_ENOMEM;
    if (sampler == NULL) {
        return HP_ENOMEM;
    }
    sampler->options = *options;
    sampler->pid = pid;
    sampler->root_dir = -1;
    sampler->dict = hp_dict_new();
    sampler->tree = sampler->dict == NULL ? NULL : hp_tree_new(sampler->dict, TREE_NODES);
    if (sampler->tree == NULL) {
        goto done;
    }
    err = hp_proc_open(pid, &sampler->root_dir);
    if (err != HP_OK) {
        hp_err_set(info, err, 0, "no process %ld", (long)pid);
        goto done;
    }
    err = add_process(sampler, pid, &own);
    if ((err == HP_OK || err == HP_EFOREIGN) && options->children) {
        hp_err more = scan_children(sampler);
        err = more != HP_OK ? more : sampler->process_count != 0 ? HP_OK : err;
    }
    if (err != HP_OK && info != NULL) {
        *info = own;
    }
done:
    if (err != HP_OK) {
        hp_sampler_free(sampler);
        return err;
    }
    char name[COMMAND_BYTES + 40];
    snprintf(name, sizeof name, "%s (%ld)", sampler->processes[0].command, (long)pid);
    sampler->tree->nodes[HP_NODE_ROOT].sym = named_symbol(sampler, name);
    *out = sampler;
    return HP_OK;
}

void hp_sampler_free(struct hp_sampler *sampler)
{
    if (sampler == NULL) {
        return;
    }
    while (sampler->process_count != 0) {
        remove_process(sampler, sampler->process_count - 1);
    }
    if (sampler->root_dir >= 0) {
        close(sampler->root_dir);
    }
    hp_tree_free(sampler->tree);
    hp_dict_free(sampler->dict);
    hp_free(sampler);
}

/* ---- a sample ---- */

static hp_err sample_process(struct hp_sampler *sampler, struct process *process, uint64_t now_ns)
{
    hp_err err = hp_target_sweep(process->target);
    if (err == HP_ECORRUPT) {
        sampler->counts.torn++;
        return HP_OK; /* its time goes to the next sample */
    }
    uint32_t count = err == HP_OK ? hp_target_threads(process->target)->count : 0;
    uint64_t elapsed_ns = process->last_ns == 0 ? 0 : now_ns - process->last_ns;
    for (uint32_t i = 0; err == HP_OK && i < count; i++) {
        err = sample_thread(sampler, process, i, now_ns, elapsed_ns);
    }
    process->last_ns = now_ns;
    drop_unseen(process);
    sampler->counts.threads += count;
    return err;
}

hp_err hp_sampler_step(struct hp_sampler *sampler, uint64_t now_ns)
{
    struct hp_sampler_counts *counts = &sampler->counts;
    hp_err err = HP_OK;
    if (sampler->options.children && now_ns - sampler->scanned_ns >= RESCAN_NS) {
        sampler->scanned_ns = now_ns;
        err = scan_children(sampler);
    }
    uint64_t period_ns = sampler->options.period_ns;
    if (sampler->last_ns != 0 && now_ns - sampler->last_ns > 2 * period_ns) {
        counts->late++;
    }
    sampler->last_ns = now_ns;
    counts->sweeps++;
    counts->threads = 0;
    for (uint32_t i = sampler->process_count; err == HP_OK && i-- > 0;) {
        err = sample_process(sampler, &sampler->processes[i], now_ns);
        if (err != HP_OK && err != HP_ENOMEM) { /* gone, or it became another user's or another program */
            remove_process(sampler, i);
            err = HP_OK;
        }
    }
    counts->processes = sampler->process_count;
    if (counts->threads > counts->most_threads) {
        counts->most_threads = counts->threads;
    }
    return err == HP_OK && sampler->process_count == 0 ? HP_ENOTFOUND : err;
}

const struct hp_tree *hp_sampler_tree(struct hp_sampler *sampler)
{
    hp_tree_total(sampler->tree);
    return sampler->tree;
}

const struct hp_dict *hp_sampler_dict(const struct hp_sampler *sampler)
{
    return sampler->dict;
}

void hp_sampler_clear(struct hp_sampler *sampler)
{
    uint32_t root = sampler->tree->nodes[HP_NODE_ROOT].sym;
    hp_tree_clear(sampler->tree);
    sampler->tree->nodes[HP_NODE_ROOT].sym = root;
    for (uint32_t i = 0; i < sampler->process_count; i++) {
        struct process *process = &sampler->processes[i];
        name_process(sampler, process);
        for (uint32_t t = 0; t < process->count; t++) {
            name_task(sampler, process, &process->tasks[t]);
            process->tasks[t].read_ns = 0;
        }
    }
}

struct hp_sampler_counts hp_sampler_counts(const struct hp_sampler *sampler)
{
    return sampler->counts;
}

/* ---- dump ---- */

/* A stack that moves while it is read may stand still a moment later, and a dump has the time. */
static hp_err read_still(struct process *process, uint32_t i, struct hp_target_stack *stack)
{
    const struct timespec moment = {.tv_nsec = DUMP_MOMENT_NS};
    hp_err err = hp_target_stack(process->target, i, stack);
    for (int n = 1; n < DUMP_TRIES && err == HP_ECORRUPT; n++) {
        nanosleep(&moment, NULL);
        err = hp_target_stack(process->target, i, stack);
    }
    return err;
}

static hp_err dump_thread(struct process *process, uint32_t i,
                          bool (*each)(void *ctx, const struct hp_sampler_thread *thread), void *ctx,
                          bool *more)
{
    const struct hp_thread *thread = &hp_target_threads(process->target)->threads[i];
    const struct hp_layout *layout = hp_target_layout(process->target);
    int dir = hp_target_dir(process->target);
    struct hp_target_stack stack = {0};
    struct hp_sampler_thread out = {.pid = hp_target_pid(process->target),
                                    .command = process->command,
                                    .version = layout->version,
                                    .has_gil = thread->has_gil,
                                    .free_threaded = layout->free_threaded,
                                    .stack = &stack};
    out.task = hp_proc_task(dir, hp_target_is_namespaced(process->target), thread->native_id);
    out.err = read_still(process, i, &stack);
    if (out.task != 0) {
        int fd = hp_proc_open_task(dir, out.task, "stat");
        out.state = fd < 0 ? '\0' : hp_proc_state(fd);
        hp_proc_task_name(dir, out.task, out.name);
        if (fd >= 0) {
            close(fd);
        }
    }
    *more = each(ctx, &out);
    return out.err == HP_ENOMEM ? out.err : HP_OK;
}

hp_err hp_sampler_dump(struct hp_sampler *sampler,
                       bool (*each)(void *ctx, const struct hp_sampler_thread *thread), void *ctx)
{
    hp_err err = HP_OK;
    bool more = true, any = false;
    for (uint32_t i = 0; i < sampler->process_count && more && err == HP_OK; i++) {
        struct process *process = &sampler->processes[i];
        hp_err swept = hp_target_sweep(process->target);
        err = swept == HP_ENOMEM ? swept : HP_OK;
        any = any || swept == HP_OK;
        uint32_t count = swept == HP_OK ? hp_target_threads(process->target)->count : 0;
        for (uint32_t t = 0; t < count && more && err == HP_OK; t++) {
            err = dump_thread(process, t, each, ctx, &more);
        }
    }
    return err == HP_OK && !any ? HP_ENOTFOUND : err;
}
