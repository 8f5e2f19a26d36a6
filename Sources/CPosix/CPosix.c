#define _GNU_SOURCE
#include "CPosix.h"
#include <fcntl.h>
#include <unistd.h>

int cposix_accept4(int descriptor, int flags) { return accept4(descriptor, 0, 0, flags); }

int cposix_start_writeback(int descriptor, long offset, long length) {
    return sync_file_range(descriptor, offset, length, SYNC_FILE_RANGE_WRITE);
}

long cposix_copy_file_range(int from, int to, unsigned long length) {
    return copy_file_range(from, 0, to, 0, length, 0);
}
