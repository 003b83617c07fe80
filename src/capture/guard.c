/* guard.c -- see guard.h. */
#include "capture/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#define SPANS_A_CALL 64u

#if defined(__x86_64__) && defined(__LP64__)
#define HAVE_ROUTINE 1

/* Copies spans and returns how many of them were whole. A load that faults goes on at hp__guard_out. Single
 * words, nearly all, take one load. */
uint32_t hp__guard_copy(const struct hp_peek_span *spans, uint32_t count);
extern const char hp__guard_word[], hp__guard_bytes[], hp__guard_out[];

_Static_assert(offsetof(struct hp_peek_span, address) == 0 && offsetof(struct hp_peek_span, to) == 8 &&
                   offsetof(struct hp_peek_span, n) == 16 && sizeof(struct hp_peek_span) == 24,
               "the routine reads spans");

__asm__(".pushsection .text\n"
        ".p2align 4\n"
        ".globl hp__guard_copy\n"
        ".hidden hp__guard_copy\n"
        ".type hp__guard_copy, @function\n"
        "hp__guard_copy:\n"
        "    movq %rdi, %r8\n"
        "    movl %esi, %r9d\n"
        "    xorl %eax, %eax\n"
        "    jmp 3f\n"
        "1:  movq (%r8), %rsi\n"
        "    movq 8(%r8), %rdi\n"
        "    movq 16(%r8), %rcx\n"
        "    cmpq $8, %rcx\n"
        "    jne 4f\n"
        ".globl hp__guard_word\n"
        ".hidden hp__guard_word\n"
        "hp__guard_word:\n"
        "    movq (%rsi), %rdx\n"
        "    movq %rdx, (%rdi)\n"
        "2:  addq $24, %r8\n"
        "    incl %eax\n"
        "3:  cmpl %r9d, %eax\n"
        "    jb 1b\n"
        "    ret\n"
        ".globl hp__guard_bytes\n"
        ".hidden hp__guard_bytes\n"
        "4:\n"
        "hp__guard_bytes:\n"
        "    rep movsb\n"
        "    jmp 2b\n"
        ".globl hp__guard_out\n"
        ".hidden hp__guard_out\n"
        "hp__guard_out:\n"
        "    ret\n"
        ".size hp__guard_copy, . - hp__guard_copy\n"
        ".popsection\n");
#else
#define HAVE_ROUTINE 0
#endif

static const int signals[] = {SIGSEGV, SIGBUS};
#define SIGNALS (sizeof signals / sizeof *signals)

static struct sigaction before[SIGNALS]; /* what handled them */
static _Atomic bool placed, gave_way;
static _Atomic uint64_t faults;

uint64_t hp_guard_faults(void)
{
    return atomic_load_explicit(&faults, memory_order_relaxed);
}

#if HAVE_ROUTINE

static void give_way(int number)
{
    atomic_store(&gave_way, true);
    for (size_t i = 0; i < SIGNALS; i++) {
        if (signals[i] == number) {
            (void)sigaction(number, &before[i], NULL); /* it was accepted once */
        }
    }
}

/* Threads: any, at any moment. */
static void on_fault(int number, siginfo_t *info, void *context)
{
    ucontext_t *state = context;
    int saved = errno;
    uintptr_t at = (uintptr_t)state->uc_mcontext.gregs[REG_RIP];
    if ((at == (uintptr_t)hp__guard_word || at == (uintptr_t)hp__guard_bytes) && info->si_code > 0) {
        state->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)hp__guard_out;
        atomic_fetch_add_explicit(&faults, 1, memory_order_relaxed);
    } else {
        give_way(number);
        if (info->si_code <= 0) { /* sent, not met: it would not come again by itself */
            (void)raise(number);
        }
    }
    errno = saved;
}

void hp_guard_place(void)
{
    struct sigaction ours = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    if (atomic_load(&placed)) {
        return;
    }
    ours.sa_sigaction = on_fault;
    sigemptyset(&ours.sa_mask);
    for (size_t i = 0; i < SIGNALS; i++) {
        if (sigaction(signals[i], NULL, &before[i]) != 0 || sigaction(signals[i], &ours, NULL) != 0) {
            return; /* one of two is no harm: reads go the other way */
        }
    }
    atomic_store(&placed, true);
}

enum hp_guard_way hp_guard_way(void)
{
    struct sigaction now;
    if (!atomic_load(&placed) || atomic_load(&gave_way)) {
        return HP_GUARD_SYSCALL;
    }
    for (size_t i = 0; i < SIGNALS; i++) {
        if (sigaction(signals[i], NULL, &now) != 0 || (now.sa_flags & SA_SIGINFO) == 0 ||
            now.sa_sigaction != on_fault) {
            return HP_GUARD_SYSCALL;
        }
    }
    return HP_GUARD_DIRECT;
}

#else

void hp_guard_place(void)
{
}

enum hp_guard_way hp_guard_way(void)
{
    return HP_GUARD_SYSCALL;
}

#endif

/* As many of the spans as one call takes. */
static hp_err read_by_call(const struct hp_peek_span *spans, uint32_t count, uint32_t *done)
{
    struct iovec local[SPANS_A_CALL], remote[SPANS_A_CALL];
    *done = 0;
    for (uint32_t i = 0; i < count; i++) {
        local[i] = (struct iovec){spans[i].to, spans[i].n};
        /* NOLINTNEXTLINE(performance-no-int-to-ptr): an address is what we have */
        remote[i] = (struct iovec){(void *)(uintptr_t)spans[i].address, spans[i].n};
    }
    ssize_t n = process_vm_readv(getpid(), local, count, remote, count, 0);
    if (n < 0) {
        return errno == EFAULT ? HP_ERANGE : HP_EPERM;
    }
    size_t left = (size_t)n;
    while (*done < count && left >= spans[*done].n) {
        left -= spans[*done].n;
        (*done)++;
    }
    return *done == count ? HP_OK : HP_ERANGE;
}

hp_err hp_guard_read(void *ctx, const struct hp_peek_span *spans, uint32_t count, uint32_t *done)
{
#if HAVE_ROUTINE
    if (*(const enum hp_guard_way *)ctx == HP_GUARD_DIRECT) {
        *done = hp__guard_copy(spans, count);
        return *done == count ? HP_OK : HP_ERANGE;
    }
#else
    (void)ctx;
#endif
    hp_err err = HP_OK;
    uint32_t all = 0, some = 0;
    while (err == HP_OK && all < count) {
        uint32_t left = count - all;
        err = read_by_call(spans + all, left < SPANS_A_CALL ? left : SPANS_A_CALL, &some);
        all += some;
    }
    *done = all;
    return err;
}
