// Load for the benchmark: whole blobs pulled and pushed over blocking sockets, and HEAD requests, on 127.0.0.1.
//
//   driver get        -p PORT -c CONNECTIONS -n TRANSFERS PATH
//   driver put        -p PORT -c CONNECTIONS -n TRANSFERS -m MIB -s SEED PREFIX       (plain PUT of PREFIX<digest>)
//   driver post-put   -p PORT -c CONNECTIONS -n TRANSFERS -m MIB -s SEED REPOSITORY   (POST, PUT with the bytes)
//   driver post-patch ... the same ...                                                 (POST, chunked PATCH, empty PUT)
//   driver head       -p PORT -c CONNECTIONS -t SECONDS PATH
//
// TRANSFERS is per connection; with -t SECONDS pushes repeat until the time is over and the last ones are cut off.
// Blobs are MIB copies of a 1 MiB random block made from the seed, so nothing large is kept in memory. Digests are
// computed before the clock starts. Transfers print "ready" and wait for a line on standard input before they start;
// the last line of the output is JSON.
// wrk cannot send HEAD: it waits for the body that Content-Length announces.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { blockSize = 1 << 20, chunkSize = 32 << 10, chunksPerBlock = blockSize / chunkSize, headLimit = 8 << 10 };

struct reply {
    int status;
    long remaining;  // body bytes not yet read
    char location[4096];
};

struct worker {
    pthread_t thread;
    int index, socket;
    uint64_t bytes;
    char (*digests)[72];
    double *latencies;
    int completed;
    unsigned char *block;
};

static const char *mode, *target;
static int port, connections = 1, transfers = 1, mebibytes = 1;
static uint64_t seed = 1;
static double seconds, deadline;
static pthread_barrier_t prepared, started;

static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "driver: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static int dial(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int socketDescriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = 60};
    int on = 1;
    setsockopt(socketDescriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(socketDescriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(socketDescriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(socketDescriptor, (struct sockaddr *)&address, sizeof address) != 0) fail("connect: %m");
    return socketDescriptor;
}

// Sends all of the vector, which it consumes.
static void sendAll(int socket, struct iovec *vector, size_t count) {
    while (count > 0) {
        struct msghdr message = {.msg_iov = vector, .msg_iovlen = count};
        ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
        if (sent < 0) fail("send: %m");
        for (; count > 0 && (size_t)sent >= vector->iov_len; vector++, count--) sent -= vector->iov_len;
        if (count > 0) {
            vector->iov_base = (char *)vector->iov_base + sent;
            vector->iov_len -= sent;
        }
    }
}

static void sendHead(int socket, const char *format, ...) {
    char head[headLimit];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(head, sizeof head, format, arguments);
    va_end(arguments);
    sendAll(socket, &(struct iovec){head, length}, 1);
}

// Copies the value of a header field into `value`; false if there is none.
static bool field(const char *head, const char *name, char *value, size_t capacity) {
    const char *start = strcasestr(head, name);
    if (start == NULL) return false;
    start += strlen(name);
    start += strspn(start, " ");
    snprintf(value, capacity, "%.*s", (int)strcspn(start, "\r"), start);
    return true;
}

// Throws the body away in the kernel, so that the client costs little of the cores it shares with the server.
static void discard(int socket, long count, uint64_t *total) {
    while (count > 0) {
        ssize_t got = recv(socket, NULL, count < 4 * blockSize ? count : 4 * blockSize, MSG_TRUNC);
        if (got <= 0) fail("body cut off: %m");
        count -= got;
        *total += got;
    }
}

static struct reply readHead(int socket, uint64_t *bodyBytes) {
    char head[headLimit + 1], text[32];
    size_t length = 0;
    char *end = NULL;
    while (end == NULL) {
        ssize_t got = recv(socket, head + length, headLimit - length, 0);
        if (got <= 0) fail("no response: %m");
        length += got;
        head[length] = 0;
        end = strstr(head, "\r\n\r\n");
    }
    struct reply reply = {.status = atoi(head + strlen("HTTP/1.1 "))};
    long extra = head + length - (end + 4);
    end[2] = 0;
    if (!field(head, "\r\ncontent-length:", text, sizeof text)) fail("no Content-Length: %s", head);
    reply.remaining = atol(text) - extra;
    *bodyBytes += extra;
    field(head, "\r\nlocation:", reply.location, sizeof reply.location);
    char *authority = strstr(reply.location, "://");
    if (authority != NULL) {
        char *path = strchr(authority + 3, '/');
        memmove(reply.location, path, strlen(path) + 1);
    }
    return reply;
}

static struct reply expect(int socket, int status) {
    uint64_t ignored = 0;
    struct reply reply = readHead(socket, &ignored);
    if (reply.status != status) fail("%s: status %d, not %d", mode, reply.status, status);
    discard(socket, reply.remaining, &ignored);
    return reply;
}

static void fillBlock(unsigned char *block, uint64_t content) {
    uint64_t state = content * 0x9E3779B97F4A7C15u + 1, *words = (uint64_t *)block;
    for (size_t i = 0; i < blockSize / sizeof *words; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        words[i] = state;
    }
}

static void digestOf(struct worker *worker, uint64_t content, char *text) {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    fillBlock(worker->block, content);
    EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    for (int i = 0; i < mebibytes; i++) EVP_DigestUpdate(context, worker->block, blockSize);
    EVP_DigestFinal_ex(context, bytes, NULL);
    EVP_MD_CTX_free(context);
    text += sprintf(text, "sha256:");
    for (int i = 0; i < 32; i++) text += sprintf(text, "%02x", bytes[i]);
}

// One MiB as 32 KiB chunks, the size docker's client writes; handed to the kernel together.
static void sendBlockChunked(struct worker *worker) {
    struct iovec vector[3 * chunksPerBlock];
    for (int i = 0; i < chunksPerBlock; i++) {
        vector[3 * i] = (struct iovec){"8000\r\n", 6};
        vector[3 * i + 1] = (struct iovec){worker->block + i * chunkSize, chunkSize};
        vector[3 * i + 2] = (struct iovec){"\r\n", 2};
    }
    sendAll(worker->socket, vector, 3 * chunksPerBlock);
}

// False when the time was over before the last byte.
static bool sendBody(struct worker *worker, bool chunked) {
    for (int i = 0; i < mebibytes; i++) {
        if (deadline != 0 && now() > deadline) return false;
        if (chunked) sendBlockChunked(worker);
        else sendAll(worker->socket, &(struct iovec){worker->block, blockSize}, 1);
        worker->bytes += blockSize;
    }
    if (chunked) sendHead(worker->socket, "0\r\n\r\n");
    return true;
}

static bool push(struct worker *worker, int number) {
    const char *digest = worker->digests[number];
    int socket = worker->socket;
    long length = (long)mebibytes * blockSize;
    fillBlock(worker->block, seed + worker->index * transfers + number);
    if (strcmp(mode, "put") == 0) {
        sendHead(socket, "PUT %s%s HTTP/1.1\r\nHost: b\r\nContent-Length: %ld\r\n\r\n", target, digest, length);
    } else {
        sendHead(socket, "POST /v2/%s/blobs/uploads/ HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\n", target);
        struct reply reply = expect(socket, 202);
        if (strcmp(mode, "post-patch") == 0) {
            sendHead(socket, "PATCH %s HTTP/1.1\r\nHost: b\r\nContent-Type: application/octet-stream\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n", reply.location);
            if (!sendBody(worker, true)) return false;
            reply = expect(socket, 202);
            length = 0;
        }
        sendHead(socket, "PUT %s%cdigest=%s HTTP/1.1\r\nHost: b\r\nContent-Type: application/octet-stream\r\n"
                 "Content-Length: %ld\r\n\r\n",
                 reply.location, strchr(reply.location, '?') ? '&' : '?', digest, length);
    }
    if (length > 0 && !sendBody(worker, false)) return false;
    expect(socket, 201);
    return true;
}

static bool pull(struct worker *worker) {
    // The port, too: a presigned URL holds for this Host alone.
    sendHead(worker->socket, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", target, port);
    struct reply reply = readHead(worker->socket, &worker->bytes);
    if (reply.status != 200) fail("get: status %d", reply.status);
    discard(worker->socket, reply.remaining, &worker->bytes);
    return true;
}

static void *work(void *argument) {
    struct worker *worker = argument;
    bool pushes = strcmp(mode, "get") != 0;
    worker->latencies = calloc(transfers, sizeof *worker->latencies);
    worker->digests = calloc(transfers, sizeof *worker->digests);
    worker->block = malloc(blockSize);
    for (int i = 0; pushes && i < transfers; i++) {
        digestOf(worker, seed + worker->index * transfers + i, worker->digests[i]);
    }
    worker->socket = dial();
    pthread_barrier_wait(&prepared);
    pthread_barrier_wait(&started);
    for (int i = 0; deadline != 0 || i < transfers; i++) {
        double start = now();
        if (!(pushes ? push(worker, i % transfers) : pull(worker))) break;
        worker->latencies[i % transfers] = now() - start;
        worker->completed++;
    }
    close(worker->socket);
    return NULL;
}

static void transferAll(void) {
    struct worker workers[connections];
    memset(workers, 0, sizeof workers);
    pthread_barrier_init(&prepared, NULL, connections + 1);
    pthread_barrier_init(&started, NULL, connections + 1);
    for (int i = 0; i < connections; i++) {
        workers[i].index = i;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) fail("cannot start a thread");
    }
    pthread_barrier_wait(&prepared);
    puts("ready");
    getchar();
    double start = now();
    if (seconds > 0) deadline = start + seconds;
    pthread_barrier_wait(&started);
    uint64_t bytes = 0;
    for (int i = 0; i < connections; i++) {
        pthread_join(workers[i].thread, NULL);
        bytes += workers[i].bytes;
    }
    printf("{\"bytes\": %lu, \"seconds\": %.6f, \"digest\": \"%s\", \"latencies\": [", bytes, now() - start,
           workers[0].digests[0]);
    for (int i = 0, first = 1; i < connections; i++) {
        for (int n = 0; n < workers[i].completed && n < transfers; n++, first = 0) {
            printf("%s%.4f", first ? "" : ", ", workers[i].latencies[n]);
        }
    }
    puts("]}");
}

static int ascending(const void *left, const void *right) {
    float difference = *(const float *)left - *(const float *)right;
    return (difference > 0) - (difference < 0);
}

// HEAD on keep-alive connections, one request in flight on each; a response is complete at its empty line.
static void headRequests(void) {
    struct { int socket; double sent; size_t length; char head[headLimit + 1]; } *each;
    each = calloc(connections, sizeof *each);
    struct epoll_event events[256];
    char request[1024];
    int size = snprintf(request, sizeof request, "HEAD %s HTTP/1.1\r\nHost: b\r\n\r\n", target);
    int poll = epoll_create1(EPOLL_CLOEXEC);
    size_t capacity = 1 << 20, requests = 0, missing = 0;
    float *latencies = malloc(capacity * sizeof *latencies);
    for (int i = 0; i < connections; i++) {
        each[i].socket = dial();
        epoll_ctl(poll, EPOLL_CTL_ADD, each[i].socket, &(struct epoll_event){.events = EPOLLIN, .data.u32 = i});
    }
    double start = now(), time = start;
    for (int i = 0; i < connections; i++) {
        each[i].sent = start;
        sendAll(each[i].socket, &(struct iovec){request, size}, 1);
    }
    while (time < start + seconds) {
        int count = epoll_wait(poll, events, 256, 100);
        time = now();
        for (int n = 0; n < count; n++) {
            int i = events[n].data.u32;
            ssize_t got = recv(each[i].socket, each[i].head + each[i].length, headLimit - each[i].length, 0);
            if (got <= 0) fail("HEAD: connection closed: %m");
            each[i].length += got;
            each[i].head[each[i].length] = 0;
            if (strstr(each[i].head, "\r\n\r\n") == NULL) continue;
            missing += memcmp(each[i].head, "HTTP/1.1 404", 12) == 0;
            if (requests == capacity) latencies = realloc(latencies, (capacity *= 2) * sizeof *latencies);
            latencies[requests++] = time - each[i].sent;
            each[i].length = 0;
            each[i].sent = time;
            sendAll(each[i].socket, &(struct iovec){request, size}, 1);
        }
    }
    qsort(latencies, requests, sizeof *latencies, ascending);
    printf("{\"requests\": %zu, \"seconds\": %.6f, \"failed\": %zu, \"p99_ms\": %.3f}\n",
           requests, time - start, missing, requests > 0 ? latencies[requests * 99 / 100] * 1e3 : 0);
}

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count < 2) fail("usage: see driver.c");
    mode = arguments[1];
    optind = 2;
    for (int option; (option = getopt(count, arguments, "p:c:n:m:s:t:")) != -1;) {
        if (option == 'p') port = atoi(optarg);
        else if (option == 'c') connections = atoi(optarg);
        else if (option == 'n') transfers = atoi(optarg);
        else if (option == 'm') mebibytes = atoi(optarg);
        else if (option == 's') seed = strtoull(optarg, NULL, 10);
        else if (option == 't') seconds = atof(optarg);
        else return 2;
    }
    if (optind != count - 1) fail("usage: see driver.c");
    target = arguments[optind];
    if (strcmp(mode, "head") == 0) headRequests();
    else transferAll();
}
