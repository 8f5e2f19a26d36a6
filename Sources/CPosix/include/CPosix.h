#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/xattr.h>

/// accept4(2) without an address: needs _GNU_SOURCE, which Swift's Glibc module does not set.
int cposix_accept4(int descriptor, int flags);

/// Starts writing back dirty pages of a range without waiting for them (sync_file_range, SYNC_FILE_RANGE_WRITE).
int cposix_start_writeback(int descriptor, long offset, long length);

/// copy_file_range(2) at the descriptors' own offsets.
long cposix_copy_file_range(int from, int to, unsigned long length);
