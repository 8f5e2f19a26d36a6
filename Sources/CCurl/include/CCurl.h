#pragma once
#include <curl/curl.h>

// Swift cannot call functions with a variable number of arguments: one function for each type of argument.

/// libcurl's callback for bytes of a body or a head, and for room for bytes of an upload.
typedef size_t (*ccurl_data_function)(char *bytes, size_t size, size_t count, void *context);
/// Called with an offset to send an upload's bytes again from there.
typedef int (*ccurl_seek_function)(void *context, curl_off_t offset, int origin);
/// Called when a connection is made or reused, before the request is sent on it.
typedef int (*ccurl_prerequest_function)(
    void *context, char *primary_ip, char *local_ip, int primary_port, int local_port);
typedef int (*ccurl_socket_function)(CURL *easy, curl_socket_t socket, int what, void *context, void *assigned);
typedef int (*ccurl_timer_function)(CURLM *multi, long milliseconds, void *context);

CURLcode ccurl_set_long(CURL *easy, CURLoption option, long value);
CURLcode ccurl_set_offset(CURL *easy, CURLoption option, curl_off_t value);
CURLcode ccurl_set_string(CURL *easy, CURLoption option, const char *value);
CURLcode ccurl_set_pointer(CURL *easy, CURLoption option, void *value);
CURLcode ccurl_set_list(CURL *easy, CURLoption option, struct curl_slist *value);

/// Sets all functions that carry bytes, with `context` as what each of them and CURLOPT_PRIVATE is given, and one that
/// makes sockets no child process inherits.
CURLcode ccurl_set_functions(
    CURL *easy, void *context, ccurl_data_function write, ccurl_data_function header, ccurl_data_function read,
    ccurl_seek_function seek, ccurl_prerequest_function prerequest);

long ccurl_get_long(CURL *easy, CURLINFO info);
void *ccurl_get_private(CURL *easy);

/// Sets the functions that tell of sockets and of the timer, the number of idle connections kept, and HTTP/1.1 alone.
CURLMcode ccurl_multi_set(
    CURLM *multi, void *context, ccurl_socket_function socket, ccurl_timer_function timer, long connections);

/// The next transfer that ended and how; null when there is none.
CURL *ccurl_multi_ended(CURLM *multi, CURLcode *result);
