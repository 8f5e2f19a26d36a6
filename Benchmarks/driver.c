// Load for the benchmark: whole blobs pulled and pushed over blocking sockets, and HEAD requests, on 127.0.0.1.
//
//   driver get        -p PORT -c CONNECTIONS -n TRANSFERS PATH
//   driver put        -p PORT -c CONNECTIONS -n TRANSFERS -m MIB -s SEED PREFIX       (plain PUT of PREFIX<digest>)
//   driver post-put   -p PORT -c CONNECTIONS -n TRANSFERS -m MIB -s SEED REPOSITORY   (POST, PUT with the bytes)
//   driver post-patch ... the same ...                                                 (POST, chunked PATCH, empty PUT)
//   driver head       -p PORT -c CONNECTIONS -t SECONDS PATH
//   driver handshakes -p PORT -c CONNECTIONS -t SECONDS [-r] PATH                      (TLS; -r resumes sessions)
//
// With -T the first four speak TLS, without looking at the certificate.
// TRANSFERS is per connection; with -t SECONDS pushes repeat until the time is over and the last ones are cut off.
// Blobs are MIB copies of a 1 MiB random block made from the seed, so nothing large is kept in memory. Digests are
// computed before the clock starts. Transfers print "ready" and wait for a line on standard input before they start;
// the last line of the output is JSON.
// wrk cannot send HEAD: it waits for the body that Content-Length announces.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
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

struct connection {
    int socket;
    SSL *tls;  // NULL for plain HTTP
};

struct worker {
    pthread_t thread;
    int index;
    struct connection connection;
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
static bool resumes;
static SSL_CTX *tlsContext;  // NULL for plain HTTP
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

static int dialPlain(void) {
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

// `session` is resumed if it is not NULL.
static struct connection dialResuming(SSL_SESSION *session) {
    struct connection connection = {.socket = dialPlain()};
    if (tlsContext == NULL) return connection;
    connection.tls = SSL_new(tlsContext);
    SSL_set_fd(connection.tls, connection.socket);
    if (session != NULL) SSL_set_session(connection.tls, session);
    if (SSL_connect(connection.tls) != 1) fail("TLS handshake failed");
    return connection;
}

static struct connection dial(void) { return dialResuming(NULL); }

static void hangUp(struct connection connection) {
    if (connection.tls != NULL) {
        SSL_shutdown(connection.tls);
        SSL_free(connection.tls);
    }
    close(connection.socket);
}

// At least one byte; 0 or less when there are none any more.
static ssize_t receive(struct connection connection, void *buffer, size_t room) {
    if (connection.tls != NULL) return SSL_read(connection.tls, buffer, room < 1 << 30 ? room : 1 << 30);
    return recv(connection.socket, buffer, room, 0);
}

// TLS wants what belongs together in one piece, or each part becomes a record.
static void sendEncrypted(SSL *tls, struct iovec *vector, size_t count) {
    static __thread unsigned char *gathered;
    static __thread size_t capacity;
    size_t length = 0;
    for (size_t i = 0; i < count; i++) length += vector[i].iov_len;
    if (count == 1) {
        if (SSL_write(tls, vector->iov_base, length) != (int)length) fail("send over TLS failed");
        return;
    }
    if (capacity < length) gathered = realloc(gathered, capacity = length);
    for (size_t i = 0, offset = 0; i < count; offset += vector[i++].iov_len) {
        memcpy(gathered + offset, vector[i].iov_base, vector[i].iov_len);
    }
    if (SSL_write(tls, gathered, length) != (int)length) fail("send over TLS failed");
}

// Sends all of the vector, which it consumes.
static void sendAll(struct connection connection, struct iovec *vector, size_t count) {
    if (connection.tls != NULL) return sendEncrypted(connection.tls, vector, count);
    while (count > 0) {
        struct msghdr message = {.msg_iov = vector, .msg_iovlen = count};
        ssize_t sent = sendmsg(connection.socket, &message, MSG_NOSIGNAL);
        if (sent < 0) fail("send: %m");
        for (; count > 0 && (size_t)sent >= vector->iov_len; vector++, count--) sent -= vector->iov_len;
        if (count > 0) {
            vector->iov_base = (char *)vector->iov_base + sent;
            vector->iov_len -= sent;
        }
    }
}

static void sendHead(struct connection connection, const char *format, ...) {
    char head[headLimit];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(head, sizeof head, format, arguments);
    va_end(arguments);
    sendAll(connection, &(struct iovec){head, length}, 1);
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

// Throws the body away in the kernel, so that the client costs little of the cores it shares with the server; what is
// encrypted is decrypted before.
static void discard(struct connection connection, long count, uint64_t *total) {
    static __thread unsigned char scratch[chunkSize];
    while (count > 0) {
        ssize_t got = connection.tls != NULL
            ? SSL_read(connection.tls, scratch, count < chunkSize ? count : chunkSize)
            : recv(connection.socket, NULL, count < 4 * blockSize ? count : 4 * blockSize, MSG_TRUNC);
        if (got <= 0) fail("body cut off: %m");
        count -= got;
        *total += got;
    }
}

static struct reply readHead(struct connection connection, uint64_t *bodyBytes) {
    char head[headLimit + 1], text[32];
    size_t length = 0;
    char *end = NULL;
    while (end == NULL) {
        ssize_t got = receive(connection, head + length, headLimit - length);
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

static struct reply expect(struct connection connection, int status) {
    uint64_t ignored = 0;
    struct reply reply = readHead(connection, &ignored);
    if (reply.status != status) fail("%s: status %d, not %d", mode, reply.status, status);
    discard(connection, reply.remaining, &ignored);
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
    sendAll(worker->connection, vector, 3 * chunksPerBlock);
}

// False when the time was over before the last byte.
static bool sendBody(struct worker *worker, bool chunked) {
    for (int i = 0; i < mebibytes; i++) {
        if (deadline != 0 && now() > deadline) return false;
        if (chunked) sendBlockChunked(worker);
        else sendAll(worker->connection, &(struct iovec){worker->block, blockSize}, 1);
        worker->bytes += blockSize;
    }
    if (chunked) sendHead(worker->connection, "0\r\n\r\n");
    return true;
}

static bool push(struct worker *worker, int number) {
    const char *digest = worker->digests[number];
    struct connection connection = worker->connection;
    long length = (long)mebibytes * blockSize;
    fillBlock(worker->block, seed + worker->index * transfers + number);
    if (strcmp(mode, "put") == 0) {
        sendHead(connection, "PUT %s%s HTTP/1.1\r\nHost: b\r\nContent-Length: %ld\r\n\r\n", target, digest, length);
    } else {
        sendHead(connection, "POST /v2/%s/blobs/uploads/ HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\n", target);
        struct reply reply = expect(connection, 202);
        if (strcmp(mode, "post-patch") == 0) {
            sendHead(connection, "PATCH %s HTTP/1.1\r\nHost: b\r\nContent-Type: application/octet-stream\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n", reply.location);
            if (!sendBody(worker, true)) return false;
            reply = expect(connection, 202);
            length = 0;
        }
        sendHead(connection, "PUT %s%cdigest=%s HTTP/1.1\r\nHost: b\r\nContent-Type: application/octet-stream\r\n"
                 "Content-Length: %ld\r\n\r\n",
                 reply.location, strchr(reply.location, '?') ? '&' : '?', digest, length);
    }
    if (length > 0 && !sendBody(worker, false)) return false;
    expect(connection, 201);
    return true;
}

static bool pull(struct worker *worker) {
    // The port, too: a presigned URL holds for this Host alone.
    sendHead(worker->connection, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", target, port);
    struct reply reply = readHead(worker->connection, &worker->bytes);
    if (reply.status != 200) fail("get: status %d", reply.status);
    discard(worker->connection, reply.remaining, &worker->bytes);
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
    worker->connection = dial();
    pthread_barrier_wait(&prepared);
    pthread_barrier_wait(&started);
    for (int i = 0; deadline != 0 || i < transfers; i++) {
        double start = now();
        if (!(pushes ? push(worker, i % transfers) : pull(worker))) break;
        worker->latencies[i % transfers] = now() - start;
        worker->completed++;
    }
    hangUp(worker->connection);
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
        each[i].socket = dialPlain();
        epoll_ctl(poll, EPOLL_CTL_ADD, each[i].socket, &(struct epoll_event){.events = EPOLLIN, .data.u32 = i});
    }
    double start = now(), time = start;
    for (int i = 0; i < connections; i++) {
        each[i].sent = start;
        sendAll((struct connection){.socket = each[i].socket}, &(struct iovec){request, size}, 1);
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
            sendAll((struct connection){.socket = each[i].socket}, &(struct iovec){request, size}, 1);
        }
    }
    qsort(latencies, requests, sizeof *latencies, ascending);
    printf("{\"requests\": %zu, \"seconds\": %.6f, \"failed\": %zu, \"p99_ms\": %.3f}\n",
           requests, time - start, missing, requests > 0 ? latencies[requests * 99 / 100] * 1e3 : 0);
}

// New connections one after the other on each thread, each with a handshake and one request.
static void *handshake(void *argument) {
    struct worker *worker = argument;
    SSL_SESSION *session = NULL;
    worker->latencies = calloc(1, sizeof *worker->latencies);
    while (now() < deadline) {
        struct connection connection = dialResuming(session);
        sendHead(connection, "GET %s HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n", target);
        expect(connection, 200);
        if (session != NULL && !SSL_session_reused(connection.tls)) fail("a session was not resumed");
        worker->completed++;
        if (resumes) {
            SSL_SESSION_free(session);
            // After the response: TLS 1.3 sends its tickets behind the handshake.
            session = SSL_get1_session(connection.tls);
        }
        hangUp(connection);
    }
    return NULL;
}

static void handshakes(void) {
    struct worker workers[connections];
    memset(workers, 0, sizeof workers);
    double start = now();
    deadline = start + seconds;
    for (int i = 0; i < connections; i++) {
        if (pthread_create(&workers[i].thread, NULL, handshake, &workers[i]) != 0) fail("cannot start a thread");
    }
    long total = 0;
    for (int i = 0; i < connections; i++) {
        pthread_join(workers[i].thread, NULL);
        total += workers[i].completed;
    }
    printf("{\"handshakes\": %ld, \"seconds\": %.6f}\n", total, now() - start);
}

static void enableTLS(void) {
    tlsContext = SSL_CTX_new(TLS_client_method());
    // Servers close without a goodbye when they were told to close.
    SSL_CTX_set_options(tlsContext, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(tlsContext, SSL_MODE_AUTO_RETRY);
}

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count < 2) fail("usage: see driver.c");
    mode = arguments[1];
    optind = 2;
    for (int option; (option = getopt(count, arguments, "p:c:n:m:s:t:Tr")) != -1;) {
        if (option == 'p') port = atoi(optarg);
        else if (option == 'c') connections = atoi(optarg);
        else if (option == 'n') transfers = atoi(optarg);
        else if (option == 'm') mebibytes = atoi(optarg);
        else if (option == 's') seed = strtoull(optarg, NULL, 10);
        else if (option == 't') seconds = atof(optarg);
        else if (option == 'T') enableTLS();
        else if (option == 'r') resumes = true;
        else return 2;
    }
    if (optind != count - 1) fail("usage: see driver.c");
    target = arguments[optind];
    signal(SIGPIPE, SIG_IGN);
    if (strcmp(mode, "head") == 0) headRequests();
    else if (strcmp(mode, "handshakes") == 0) enableTLS(), handshakes();
    else transferAll();
}
