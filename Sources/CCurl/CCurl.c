#define _GNU_SOURCE
#include "CCurl.h"
#include <sys/socket.h>

CURLcode ccurl_set_long(CURL *easy, CURLoption option, long value) { return curl_easy_setopt(easy, option, value); }

CURLcode ccurl_set_offset(CURL *easy, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(easy, option, value);
}

CURLcode ccurl_set_string(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}

CURLcode ccurl_set_pointer(CURL *easy, CURLoption option, void *value) { return curl_easy_setopt(easy, option, value); }

CURLcode ccurl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(easy, option, value);
}

/// libcurl's own sockets would be inherited by every child process, which keeps closed connections open.
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)context;
    (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

CURLcode ccurl_set_functions(
    CURL *easy, void *context, ccurl_data_function write, ccurl_data_function header, ccurl_data_function read,
    ccurl_seek_function seek, ccurl_prerequest_function prerequest) {
    CURLcode result = CURLE_OK;
#define SET(option, value) if (!result) result = curl_easy_setopt(easy, option, value)
    SET(CURLOPT_WRITEFUNCTION, write);
    SET(CURLOPT_WRITEDATA, context);
    SET(CURLOPT_HEADERFUNCTION, header);
    SET(CURLOPT_HEADERDATA, context);
    SET(CURLOPT_READFUNCTION, read);
    SET(CURLOPT_READDATA, context);
    SET(CURLOPT_SEEKFUNCTION, seek);
    SET(CURLOPT_SEEKDATA, context);
    SET(CURLOPT_PREREQFUNCTION, prerequest);
    SET(CURLOPT_PREREQDATA, context);
    SET(CURLOPT_PRIVATE, context);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
#undef SET
    return result;
}

long ccurl_get_long(CURL *easy, CURLINFO info) {
    long value = 0;
    curl_easy_getinfo(easy, info, &value);
    return value;
}

void *ccurl_get_private(CURL *easy) {
    char *value = 0;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &value);
    return value;
}

CURLMcode ccurl_multi_set(
    CURLM *multi, void *context, ccurl_socket_function socket, ccurl_timer_function timer, long connections) {
    CURLMcode result = CURLM_OK;
#define SET(option, value) if (!result) result = curl_multi_setopt(multi, option, value)
    SET(CURLMOPT_SOCKETFUNCTION, socket);
    SET(CURLMOPT_SOCKETDATA, context);
    SET(CURLMOPT_TIMERFUNCTION, timer);
    SET(CURLMOPT_TIMERDATA, context);
    SET(CURLMOPT_MAXCONNECTS, connections);
    SET(CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
#undef SET
    return result;
}

CURL *ccurl_multi_ended(CURLM *multi, CURLcode *result) {
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &left))) {
        if (message->msg == CURLMSG_DONE) {
            *result = message->data.result;
            return message->easy_handle;
        }
    }
    return 0;
}
