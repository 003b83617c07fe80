/* test_probe.c -- hooked calls: the same result and errno with and without hooks; what they add to a lane;
 * hooking under load. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "capture/sampler.h"
#include "capture/wait.h"
#include "fake_requests.h"

#define CYCLES 100
#define LOAD   5

extern char **environ;

static const struct hp_waits_config plain = {0};

static int setup_hooked(void **state)
{
    return setup(state) == 0 && hp_waits_start(&plain) == HP_OK ? 0 : -1;
}

static int teardown_hooked(void **state)
{
    hp_waits_thread(NULL, NULL);
    return hp_waits_stop() == HP_OK ? teardown(state) : -1;
}

/* ---- conformance ---- */

struct outcome {
    long result;
    int error;
};

static struct outcome of(long result)
{
    return (struct outcome){result, result < 0 ? errno : 0};
}

static struct outcome of_code(int result) /* of a function that returns its error */
{
    return (struct outcome){result, 0};
}

static struct timespec in_ms(clockid_t clock, long ms)
{
    struct timespec time;
    clock_gettime(clock, &time);
    time.tv_nsec += ms * 1000000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
    (void)number;
    alarms++;
}

/* Interrupt this thread once after 20 ms, and go on every 20 ms, in case the first one came too early. */
static void alarm_on(void)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval timer = {{0, 20000}, {0, 20000}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void alarm_off(void)
{
    struct itimerval timer = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

static int listener(struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t n = sizeof *address;
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(bind(fd, (struct sockaddr *)address, n), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, &n), 0);
    return fd;
}

static void no_wait(int fd)
{
    int on = 1;
    ioctl(fd, FIONBIO, &on);
}

static void *hand_over(void *arg)
{
    return arg;
}

#define LARGE (300u << 10)

/* Everything a hooked function can come back with, one after the other; the same list whether hooked or
 * not. */
static size_t run_all(struct outcome *out)
{
    size_t n = 0;
    char data[64] = "GET / HTTP/1.0\r\n\r\n";
    static char large[LARGE];
    struct iovec piece = {data, 8};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    struct sockaddr_in address;
    struct timespec brief = {0, 1000000}, bad_time = {0, -1}, left, until;
    struct pollfd one, two[2];
    fd_set set;
    int pair[2], pipes[2], server = listener(&address), client = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr *to = (const struct sockaddr *)&address;

    /* connections */
    out[n++] = of(connect(client, to, sizeof address));
    out[n++] = of(connect(client, to, sizeof address)); /* EISCONN */
    out[n++] = of(connect(-1, to, sizeof address));
    int made = accept(server, NULL, NULL);
    out[n++] = of(made < 0 ? made : 0);
    out[n++] = of(accept(-1, NULL, NULL));
    out[n++] = of(accept4(-1, NULL, NULL, 0));
    out[n++] = of(socket(-1, -1, -1));
    close(made);
    close(client);
    close(server);
    client = socket(AF_INET, SOCK_STREAM, 0);
    out[n++] = of(connect(client, to, sizeof address)); /* ECONNREFUSED */
    close(client);

    /* sockets: success, would block, closed, bad */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    out[n++] = of(send(pair[0], data, 18, 0));
    out[n++] = of(sendto(pair[0], data, 4, 0, NULL, 0));
    out[n++] = of(sendmsg(pair[0], &message, 0));
    out[n++] = of(write(pair[0], data, 5));
    out[n++] = of(writev(pair[0], &piece, 1));
    out[n++] = of(recv(pair[1], data, 18, 0));
    out[n++] = of(recvfrom(pair[1], data, 4, 0, NULL, NULL));
    out[n++] = of(recvmsg(pair[1], &message, 0));
    out[n++] = of(read(pair[1], data, 5));
    out[n++] = of(readv(pair[1], &piece, 1));
    out[n++] = of(recv(pair[1], data, 1, MSG_DONTWAIT));
    out[n++] = of(recv(-1, data, 1, 0));
    out[n++] = of(send(-1, data, 1, 0));
    out[n++] = of(read(-1, data, 1));
    out[n++] = of(write(-1, data, 1));
    out[n++] = of(sendfile(pair[0], -1, NULL, 1));

    /* waiting for descriptors */
    one = (struct pollfd){pair[0], POLLIN, 0};
    two[0] = one;
    two[1] = (struct pollfd){pair[1], POLLIN, 0};
    out[n++] = of(poll(&one, 1, 1));
    out[n++] = of(poll(two, 2, 1));
    out[n++] = of(poll(NULL, 0, 1));
    out[n++] = of(ppoll(&one, 1, &bad_time, NULL)); /* EINVAL */
    out[n++] = of(ppoll(&one, 1, &brief, NULL));
    FD_ZERO(&set);
    FD_SET(pair[0], &set);
    struct timeval short_time = {0, 1000};
    out[n++] = of(select(pair[0] + 1, &set, NULL, NULL, &short_time));
    out[n++] = of(select(-1, NULL, NULL, NULL, &short_time));
    out[n++] = of(pselect(0, NULL, NULL, NULL, &brief, NULL));
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    out[n++] = of(epoll_wait(epoll, &event, 1, 1));
    out[n++] = of(epoll_wait(-1, &event, 1, 1));
    out[n++] = of(epoll_pwait(epoll, &event, 1, 1, NULL));
    close(epoll);

    /* interrupted */
    alarm_on();
    out[n++] = of(recv(pair[1], data, 1, 0));
    out[n++] = of(read(pair[1], data, 1));
    out[n++] = of(poll(&one, 1, 1000));
    out[n++] = of(select(0, NULL, NULL, NULL, &(struct timeval){1, 0}));
    out[n++] = of(nanosleep(&(struct timespec){1, 0}, &left));
    out[n++] = of_code(clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){1, 0}, &left));
    out[n++] = of(usleep(900000));
    sem_t semaphore;
    sem_init(&semaphore, 0, 0);
    out[n++] = of(sem_wait(&semaphore));
    until = in_ms(CLOCK_REALTIME, 1000);
    out[n++] = of(sem_timedwait(&semaphore, &until));
    out[n++] = of((long)sleep(1));
    alarm_off();

    /* sleeping */
    out[n++] = of(nanosleep(&brief, NULL));
    out[n++] = of(nanosleep(&bad_time, NULL));
    out[n++] = of_code(clock_nanosleep(CLOCK_MONOTONIC, 0, &bad_time, NULL));
    out[n++] = of((long)sleep(0));

    /* locks */
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    pthread_mutex_lock(&mutex);
    until = in_ms(CLOCK_REALTIME, 2);
    out[n++] = of_code(pthread_cond_timedwait(&condition, &mutex, &until));
    until = in_ms(CLOCK_MONOTONIC, 2);
    out[n++] = of_code(pthread_cond_clockwait(&condition, &mutex, CLOCK_MONOTONIC, &until));
    out[n++] = of_code(pthread_cond_timedwait(&condition, &mutex, &bad_time));
    pthread_mutex_unlock(&mutex);
    sem_post(&semaphore);
    out[n++] = of(sem_wait(&semaphore));
    until = in_ms(CLOCK_REALTIME, 2);
    out[n++] = of(sem_timedwait(&semaphore, &until));
    until = in_ms(CLOCK_MONOTONIC, 2);
    out[n++] = of(sem_clockwait(&semaphore, CLOCK_MONOTONIC, &until));
    sem_destroy(&semaphore);

    /* files are not sockets */
    assert_int_equal(pipe(pipes), 0);
    out[n++] = of(write(pipes[1], data, 3));
    out[n++] = of(read(pipes[0], data, 3));
    no_wait(pipes[0]);
    out[n++] = of(read(pipes[0], data, 3));
    out[n++] = of(fsync(pipes[0]));
    out[n++] = of(fdatasync(-1));
    FILE *file = tmpfile();
    out[n++] = of(fsync(fileno(file)));
    out[n++] = of(fdatasync(fileno(file)));
    assert_int_equal(ftruncate(fileno(file), LARGE), 0);
    out[n++] = of(read(fileno(file), large, sizeof large));
    out[n++] = of(read(fileno(file), large, sizeof large)); /* its end */
    out[n++] = of(read(pipes[0], large, sizeof large));
    out[n++] = of(read(-1, large, sizeof large));
    out[n++] = of(dup2(pipes[0], -1));
    out[n++] = of(dup3(pipes[0], pipes[0], 0));
    fclose(file);
    close(pipes[0]);
    close(pipes[1]);
    out[n++] = of(close(-1));
    close(pair[0]);
    out[n++] = of(recv(pair[1], data, 1, 0)); /* the end */
    out[n++] = of(send(pair[1], data, 1, MSG_NOSIGNAL));
    close(pair[1]);

    /* names */
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_family = AF_INET}, *found = NULL;
    out[n++] = of_code(getaddrinfo("127.0.0.1", "80", &hints, &found));
    freeaddrinfo(found);
    out[n++] = of_code(getaddrinfo("not a number", NULL, &hints, &found));
    char host[64];
    out[n++] = of_code(getnameinfo(to, sizeof address, host, sizeof host, NULL, 0, NI_NUMERICHOST));
    out[n++] = of_code(getnameinfo(to, 1, host, sizeof host, NULL, 0, NI_NUMERICHOST));
    struct hostent entry, *result;
    int host_error;
    char room[512];
    out[n++] = of_code(gethostbyname_r("127.0.0.1", &entry, room, sizeof room, &result, &host_error));
    out[n++] = of_code(gethostbyname("127.0.0.1") != NULL);

    /* threads */
    pthread_t thread;
    void *handed = NULL;
    out[n++] = of_code(pthread_create(&thread, NULL, hand_over, &n));
    out[n++] = of_code(pthread_join(thread, &handed) == 0 && handed == &n);

    /* processes */
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        _exit(hp__wait_thread.lane != NULL ? 9 : 3);
    }
    out[n++] = of(waitpid(child, &status, 0) == child ? WEXITSTATUS(status) : -1);
    out[n++] = of(waitpid(child, &status, 0)); /* ECHILD */
    char *arguments[] = {"true", NULL};
    out[n++] = of_code(posix_spawnp(&child, "true", NULL, NULL, arguments, environ));
    struct rusage usage;
    out[n++] = of(wait4(child, &status, 0, &usage) == child ? status : -1);
    out[n++] = of_code(posix_spawn(&child, "/nonexistent/x", NULL, NULL, arguments, environ));
    out[n++] = of(wait4(-1, &status, 0, NULL));
    siginfo_t info;
    out[n++] = of(waitid(P_ALL, 0, &info, WEXITED));
    out[n++] = of(wait(&status));
    out[n++] = of(execve("/nonexistent/x", arguments, environ));
    out[n++] = of(WEXITSTATUS(system("exit 5")));
    return n;
}

static void hooked_calls_return_what_bare_ones_do(void **state)
{
    (void)state;
    static struct outcome bare[256], hooked[256], in_lane[256];
    size_t n = run_all(bare);
    assert_int_equal(hp_waits_start(&plain), HP_OK);
    assert_int_equal(run_all(hooked), n);
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    hp_waits_thread(hp_cap_request_lane(request), NULL);
    assert_int_equal(run_all(in_lane), n);
    hp_waits_thread(NULL, NULL);
    hp_cap_request_finish(request);
    assert_int_equal(hp_waits_stop(), HP_OK);
    for (size_t i = 0; i < n; i++) {
        if (bare[i].result != hooked[i].result || bare[i].error != hooked[i].error ||
            bare[i].result != in_lane[i].result || bare[i].error != in_lane[i].error) {
            fail_msg("call %zu: bare %ld/%d, hooked %ld/%d, in a lane %ld/%d", i, bare[i].result,
                     bare[i].error, hooked[i].result, hooked[i].error, in_lane[i].result, in_lane[i].error);
        }
    }
    assert_true(n > 80 && alarms > 0);
}

/* ---- what is recorded ---- */

static struct hp_cap_request *begin_here(int level)
{
    struct hp_cap_request *request = begin(level);
    hp_waits_thread(hp_cap_request_lane(request), NULL);
    return request;
}

static void finish_here(struct hp_cap_request *request)
{
    hp_waits_thread(NULL, NULL);
    hp_cap_request_finish(request);
    load_last();
}

/* The sum of a kind over all lanes. */
static struct hp_wait sum_of(uint8_t kind)
{
    struct hp_wait sum = {.kind = kind};
    for (uint32_t i = 0; i < last.wait_count; i++) {
        if (last.waits[i].kind == kind) {
            sum.count += last.waits[i].count;
            sum.ns += last.waits[i].ns;
            sum.bytes += last.waits[i].bytes;
        }
    }
    return sum;
}

static struct hp_str peer_of(uint8_t kind)
{
    for (uint32_t i = 0; i < last.wait_count; i++) {
        if (last.waits[i].kind == kind && last.waits[i].peer != 0) {
            return hp_dict_string(cap->dict, last.waits[i].peer);
        }
    }
    return HP_STR("");
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static void waits_have_kind_time_peer_and_bytes(void **state)
{
    (void)state;
    struct sockaddr_in address;
    char data[64] = "GET /x HTTP/1.1\r\n\r\n", expect[32];
    int server = listener(&address);
    struct hp_cap_request *request = begin_here(HP_LEVEL_MONITOR);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    int made = accept(server, NULL, NULL);
    assert_int_equal(send(client, data, 19, 0), 19);
    assert_int_equal(recv(made, data, 19, 0), 19);
    struct pollfd one = {client, POLLIN, 0};
    assert_int_equal(poll(&one, 1, 30), 0);
    sleep_ms(20);
    finish_here(request);
    snprintf(expect, sizeof expect, "127.0.0.1:%u", ntohs(address.sin_port));
    assert_int_equal(sum_of(HP_WAIT_CONNECT).count, 1);
    assert_int_equal(sum_of(HP_WAIT_SEND).bytes, 19);
    assert_int_equal(sum_of(HP_WAIT_RECV).bytes, 19);
    assert_int_equal(sum_of(HP_WAIT_RECV).count, 2); /* with the poll for the one socket */
    assert_in_range(sum_of(HP_WAIT_RECV).ns, 29000000, 60000000);
    assert_in_range(sum_of(HP_WAIT_SLEEP).ns, 20000000, 50000000);
    assert_true(hp_str_eq(peer_of(HP_WAIT_CONNECT), hp_str_from0(expect)));
    assert_true(hp_str_eq(peer_of(HP_WAIT_SEND), hp_str_from0(expect)));
    assert_int_equal(last.span_count, 5);
    assert_true(last.spans[1].protocol == HP_PROTOCOL_HTTP && last.spans[1].group != 0);
    assert_true(last.spans[4].kind == HP_WAIT_SLEEP && last.spans[4].t1_ns > last.spans[4].t0_ns);
    assert_true(last.lanes[0].wait_busy_ns != HP_ABSENT && last.req.gil_ns == 0);
    close(client);
    close(made);
    close(server);
}

static void a_call_is_one_group_and_the_next_another(void **state)
{
    (void)state;
    struct sockaddr_in address;
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_family = AF_INET}, *found = NULL;
    char data[64] = "GET /x HTTP/1.1\r\n\r\n";
    int server = listener(&address);
    struct hp_cap_request *request = begin_here(HP_LEVEL_MONITOR);
    assert_int_equal(getaddrinfo("127.0.0.1", "80", &hints, &found), 0);
    freeaddrinfo(found);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    hp_waits_thread(NULL, NULL);
    int made = accept(server, NULL, NULL);
    for (int turn = 0; turn < 2; turn++) {
        hp_waits_thread(hp_cap_request_lane(request), NULL);
        assert_int_equal(send(client, data, 19, 0), 19);
        hp_waits_thread(NULL, NULL);
        assert_int_equal(recv(made, data, 19, 0), 19);
        assert_int_equal(send(made, data, 10, 0), 10);
        hp_waits_thread(hp_cap_request_lane(request), NULL);
        assert_int_equal(recv(client, data, 4, 0), 4);
        assert_int_equal(recv(client, data, 6, 0), 6);
    }
    finish_here(request);
    assert_int_equal(last.span_count, 8);
    const uint8_t kinds[8] = {HP_WAIT_DNS,  HP_WAIT_CONNECT, HP_WAIT_SEND, HP_WAIT_RECV,
                              HP_WAIT_RECV, HP_WAIT_SEND,    HP_WAIT_RECV, HP_WAIT_RECV};
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(last.spans[i].kind, kinds[i]);
        assert_int_equal(last.spans[i].group, i < 5 ? 1 : 2);
        assert_int_equal(last.spans[i].protocol, HP_PROTOCOL_HTTP);
    }
    close(client);
    close(made);
    close(server);
}

static void a_pending_connect_owns_the_poll_that_follows(void **state)
{
    (void)state;
    struct sockaddr_in address;
    int server = listener(&address);
    struct hp_cap_request *request = begin_here(HP_LEVEL_MONITOR);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    no_wait(client);
    (void)connect(client, (struct sockaddr *)&address, sizeof address);
    struct pollfd one = {client, POLLOUT, 0};
    assert_int_equal(poll(&one, 1, 1000), 1);
    one.events = POLLOUT;
    assert_int_equal(poll(&one, 1, 1000), 1);
    finish_here(request);
    assert_int_equal(sum_of(HP_WAIT_CONNECT).count, 2);
    assert_int_equal(sum_of(HP_WAIT_SEND).count, 1); /* the second poll: it is connected */
    close(client);
    close(server);
}

static void the_interpreters_lock_is_told_from_others(void **state)
{
    (void)state;
    struct {
        pthread_cond_t condition;
    } gil = {PTHREAD_COND_INITIALIZER};
    pthread_cond_t other = PTHREAD_COND_INITIALIZER;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    hp_waits_gil(&gil, sizeof gil, NULL, NULL);
    struct hp_cap_request *request = begin_here(HP_LEVEL_MONITOR);
    pthread_mutex_lock(&mutex);
    struct timespec until = in_ms(CLOCK_REALTIME, 10);
    pthread_cond_timedwait(&gil.condition, &mutex, &until);
    until = in_ms(CLOCK_REALTIME, 5);
    pthread_cond_timedwait(&other, &mutex, &until);
    pthread_mutex_unlock(&mutex);
    finish_here(request);
    hp_waits_gil(NULL, 0, NULL, NULL);
    assert_in_range(sum_of(HP_WAIT_GIL).ns, 9000000, 30000000);
    assert_in_range(sum_of(HP_WAIT_LOCK).ns, 4000000, 20000000);
    assert_int_equal(last.req.gil_ns, sum_of(HP_WAIT_GIL).ns);
}

/* How many waits for locks have begun and ended on this thread. */
static uint32_t told_waits(void *state)
{
    struct hp_slot_view view;
    assert_true(hp__slot_look((uint64_t)(uintptr_t)state, &view));
    assert_false(hp__slot_waits(&view));
    return view.waits;
}

static void the_sampler_is_told_of_waits_for_locks(void **state)
{
    (void)state;
    uint64_t thread = 0;
    pthread_cond_t gil = PTHREAD_COND_INITIALIZER;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    sem_t semaphore;
    sem_init(&semaphore, 0, 0);
    hp__slots_open(true);
    hp_waits_gil(&gil, sizeof gil, NULL, NULL);
    struct hp_cap_request *request = begin_here(HP_LEVEL_MONITOR);
    hp_cap_sampling_thread(hp_cap_request_lane(request), &thread);
    assert_int_equal(told_waits(&thread), 0);
    pthread_mutex_lock(&mutex);
    struct timespec until = in_ms(CLOCK_REALTIME, 2);
    pthread_cond_timedwait(&gil, &mutex, &until);
    pthread_mutex_unlock(&mutex);
    assert_int_equal(told_waits(&thread), 2);
    until = in_ms(CLOCK_REALTIME, 2);
    assert_int_equal(sem_timedwait(&semaphore, &until), -1);
    assert_int_equal(told_waits(&thread), 4);
    sleep_ms(1); /* a system call may do work */
    assert_int_equal(told_waits(&thread), 4);
    hp_cap_sampling_thread(NULL, &thread);
    finish_here(request);
    hp_waits_gil(NULL, 0, NULL, NULL);
    hp__slots_open(false);
    sem_destroy(&semaphore);
}

static void sums_stay_complete_when_spans_and_places_overflow(void **state)
{
    (void)state;
    int pair[2];
    char byte = 'x';
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct hp_cap_request *request = begin_here(HP_LEVEL_TRACE);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    for (uint32_t i = 0; i < 600; i++) { /* more nodes than totals have room for */
        hp_cap_enter(lane, sym("reader"), i, &frames[1], false);
        for (int k = 0; k < 5; k++) {
            assert_int_equal(send(pair[0], &byte, 1, 0), 1);
            assert_int_equal(recv(pair[1], &byte, 1, 0), 1);
        }
        hp_cap_leave(lane, &frames[1], false);
    }
    finish_here(request);
    assert_int_equal(sum_of(HP_WAIT_SEND).count, 3000);
    assert_int_equal(sum_of(HP_WAIT_RECV).bytes, 3000);
    assert_int_equal(last.span_count, HP_LANE_SPAN_CAP);
    assert_int_equal(last.lanes[0].lost_spans, 6000 - HP_LANE_SPAN_CAP);
    assert_true(last.waits[0].node != HP_NODE_ROOT);
    close(pair[0]);
    close(pair[1]);
}

static void many_small_reads_leave_spans_for_what_follows(void **state)
{
    (void)state;
    int pair[2];
    char byte = 'x';
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct hp_cap_request *request = begin_here(HP_LEVEL_TRACE);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    for (uint32_t i = 0; i < 3000; i++) {
        assert_int_equal(send(pair[0], &byte, 1, 0), 1);
        assert_int_equal(recv(pair[1], &byte, 1, 0), 1);
    }
    hp_cap_enter(lane, sym("later"), 1, &frames[1], false);
    assert_int_equal(send(pair[0], &byte, 1, 0), 1);
    hp_cap_leave(lane, &frames[1], false);
    finish_here(request);
    const struct hp_span *final = &last.spans[last.span_count - 1];
    assert_int_equal(last.span_count, 2 * HP_ALIKE_SPANS + 1);
    assert_true(final->node != last.spans[0].node);
    assert_int_equal(sum_of(HP_WAIT_RECV).count, 3000);
    close(pair[0]);
    close(pair[1]);
}

static void a_reused_descriptor_is_looked_at_again(void **state)
{
    (void)state;
    int pair[2], pipes[2];
    char byte = 'x';
    struct hp_cap_request *request = begin_here(HP_LEVEL_MONITOR);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(write(pair[0], &byte, 1), 1);
    close(pair[0]);
    close(pair[1]);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(pipes[0], pair[0]);
    assert_int_equal(write(pipes[1], &byte, 1), 1);
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    finish_here(request);
    assert_int_equal(sum_of(HP_WAIT_SEND).count, 1);
    assert_int_equal(sum_of(HP_WAIT_RECV).count, 0);
    close(pipes[0]);
    close(pipes[1]);
}

static void nothing_is_recorded_outside_a_lane_and_after_its_end(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin_here(HP_LEVEL_COUNT);
    assert_null(hp__wait_thread.lane);
    finish_here(request);
    request = begin_here(HP_LEVEL_MONITOR);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    hp_cap_lane_ref(lane);
    hp_cap_request_finish(request);
    sleep_ms(1); /* the thread still has the lane */
    assert_null(lane->waits);
    hp_waits_thread(NULL, NULL);
    hp_cap_lane_unref(lane);
}

static void *sleep_in_lane(void *lane)
{
    hp_cap_lane_begin(lane, &frames[2]);
    hp_waits_thread(lane, NULL);
    sleep_ms(10);
    hp_waits_thread(NULL, NULL);
    hp_cap_lane_end(lane);
    hp_cap_lane_unref(lane);
    return NULL;
}

static void a_threads_waits_are_its_lanes(void **state)
{
    (void)state;
    pthread_t thread;
    struct hp_cap_request *request = begin_here(HP_LEVEL_TRACE);
    struct hp_cap_lane *child = hp_cap_lane_spawn(hp_cap_request_lane(request), HP_LANE_THREAD,
                                                  (struct hp_cap_place){sym("view"), 5, 0});
    assert_non_null(child);
    pthread_create(&thread, NULL, sleep_in_lane, child);
    pthread_join(thread, NULL);
    finish_here(request);
    assert_int_equal(last.wait_count, 1);
    assert_int_equal(last.waits[0].lane, 1);
    assert_true(last.waits[0].kind == HP_WAIT_SLEEP && last.waits[0].ns >= 10000000);
    assert_int_equal(last.spans[0].lane, 1);
    assert_true(last.lanes[0].runqueue_ns != HP_ABSENT && last.lanes[1].runqueue_ns != HP_ABSENT);
}

static void a_fork_keeps_hooks_and_forgets_the_lane(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin_here(HP_LEVEL_MONITOR);
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(1);
        _exit(hp__wait_thread.lane == NULL && hp_waits_on() ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    finish_here(request);
    assert_int_equal(sum_of(HP_WAIT_SUBPROCESS).count, 2);
}

/* ---- on and off under load ---- */

static _Atomic bool loading;
static _Atomic uint64_t exchanged;

static void *load(void *unused)
{
    (void)unused;
    int pair[2];
    char byte = 'x';
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
        return (void *)1;
    }
    while (atomic_load(&loading)) {
        struct pollfd one = {pair[1], POLLIN, 0};
        if (send(pair[0], &byte, 1, 0) != 1 || poll(&one, 1, 1000) != 1 || recv(pair[1], &byte, 1, 0) != 1) {
            return (void *)1;
        }
        exchanged++;
    }
    close(pair[0]);
    close(pair[1]);
    return NULL;
}

static void hooks_come_and_go_under_load(void **state)
{
    (void)state;
    pthread_t threads[LOAD];
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    atomic_store(&loading, true);
    for (int i = 0; i < LOAD; i++) {
        pthread_create(&threads[i], NULL, load, NULL);
    }
    for (int i = 0; i < CYCLES; i++) {
        uint64_t before = exchanged;
        assert_int_equal(hp_waits_start(&plain), HP_OK);
        hp_waits_rescan();
        while (exchanged < before + 50) {
            sched_yield();
        }
        assert_int_equal(hp_waits_stop(), HP_OK);
    }
    atomic_store(&loading, false);
    for (int i = 0; i < LOAD; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        assert_null(result);
    }
    hp_cap_request_finish(request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hooked_calls_return_what_bare_ones_do, setup, teardown),
        cmocka_unit_test_setup_teardown(waits_have_kind_time_peer_and_bytes, setup_hooked, teardown_hooked),
        cmocka_unit_test_setup_teardown(a_call_is_one_group_and_the_next_another, setup_hooked,
                                        teardown_hooked),
        cmocka_unit_test_setup_teardown(a_pending_connect_owns_the_poll_that_follows, setup_hooked,
                                        teardown_hooked),
        cmocka_unit_test_setup_teardown(the_sampler_is_told_of_waits_for_locks, setup_hooked,
                                        teardown_hooked),
        cmocka_unit_test_setup_teardown(the_interpreters_lock_is_told_from_others, setup_hooked,
                                        teardown_hooked),
        cmocka_unit_test_setup_teardown(sums_stay_complete_when_spans_and_places_overflow, setup_hooked,
                                        teardown_hooked),
        cmocka_unit_test_setup_teardown(many_small_reads_leave_spans_for_what_follows, setup_hooked,
                                        teardown_hooked),
        cmocka_unit_test_setup_teardown(a_reused_descriptor_is_looked_at_again, setup_hooked,
                                        teardown_hooked),
        cmocka_unit_test_setup_teardown(nothing_is_recorded_outside_a_lane_and_after_its_end, setup_hooked,
                                        teardown_hooked),
        cmocka_unit_test_setup_teardown(a_threads_waits_are_its_lanes, setup_hooked, teardown_hooked),
        cmocka_unit_test_setup_teardown(a_fork_keeps_hooks_and_forgets_the_lane, setup_hooked,
                                        teardown_hooked),
        cmocka_unit_test_setup_teardown(hooks_come_and_go_under_load, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
