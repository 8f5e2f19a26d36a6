#pragma once
// No _GNU_SOURCE here: it changes types that Swift's Glibc module has already seen without it.
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/timerfd.h>
#include <sys/xattr.h>

/// accept4(2) without an address: needs _GNU_SOURCE, which Swift's Glibc module does not set.
int cposix_accept4(int descriptor, int flags);

/// Starts writing back dirty pages of a range without waiting for them (sync_file_range, SYNC_FILE_RANGE_WRITE).
int cposix_start_writeback(int descriptor, long offset, long length);

/// copy_file_range(2) at the descriptors' own offsets.
long cposix_copy_file_range(int from, int to, unsigned long length);

/// Opens `path`, relative to `directory` and without `..`, passing no symbolic link (openat2(2), or step by step where
/// the kernel lacks it). Fails with ELOOP or ENOTDIR at a symbolic link. Creates nothing.
int cposix_open_beneath(int directory, const char *path, int flags);

/// What `cposix_open_beneath` does where the kernel lacks openat2(2).
int cposix_open_beneath_stepwise(int directory, const char *path, int flags);
