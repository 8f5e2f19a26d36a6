#define _GNU_SOURCE
#include "CPosix.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int cposix_accept4(int descriptor, int flags) { return accept4(descriptor, 0, 0, flags); }

int cposix_start_writeback(int descriptor, long offset, long length) {
    return sync_file_range(descriptor, offset, length, SYNC_FILE_RANGE_WRITE);
}

long cposix_copy_file_range(int from, int to, unsigned long length) {
    return copy_file_range(from, 0, to, 0, length, 0);
}

int cposix_open_beneath(int directory, const char *path, int flags) {
    struct open_how how = {.flags = (unsigned)flags, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    long descriptor = syscall(SYS_openat2, directory, path, &how, sizeof how);
    // EPERM is what the call filters of older container engines answer for a call they do not know.
    if (descriptor >= 0 || (errno != ENOSYS && errno != EPERM)) return (int)descriptor;
    return cposix_open_beneath_stepwise(directory, path, flags);
}

int cposix_open_beneath_stepwise(int directory, const char *path, int flags) {
    char name[256];
    int current = directory;
    for (;;) {
        size_t length = strcspn(path, "/");
        int opened = -1;
        if (length >= sizeof name) {
            errno = ENAMETOOLONG;
        } else {
            memcpy(name, path, length);
            name[length] = 0;
            int step = path[length] ? O_PATH | O_DIRECTORY | O_CLOEXEC : flags;
            opened = openat(current, name, step | O_NOFOLLOW);
        }
        if (current != directory) {
            int code = errno;
            close(current);
            errno = code;
        }
        if (opened < 0 || !path[length]) return opened;
        current = opened;
        path += length + 1;
    }
}
