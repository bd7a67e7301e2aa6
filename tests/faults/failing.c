/* Preloaded into every process of a bank under test (LD_PRELOAD), to inject faults of the disk and the clock.
 *
 * A fault is active while a file with its name exists in the folder BANK_FAULT_DIR:
 *   full      pwrite fails with ENOSPC  } for files whose path contains the text in the fault's file
 *   unsynced  fsync fails with EIO      }
 *   clock     the wall clock is ahead by the number of seconds in the fault's file
 *   noting    fsync records the synced part of such a file, its first 32 bytes and its length, in the file "synced" of
 *             that folder. A power cut may remove the bytes behind it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Read the text of a fault's file; return 0 when the fault is not active. Preserves errno. */
static int reads(const char *fault, char *text, size_t size)
{
    char path[512];
    const char *folder = getenv("BANK_FAULT_DIR");
    int kept = errno;
    ssize_t length = -1;
    if (folder) {
        snprintf(path, sizeof path, "%s/%s", folder, fault);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file >= 0) {
            length = read(file, text, size - 1);
            close(file);
        }
    }
    errno = kept;
    text[length > 0 ? length : 0] = 0;
    return length > 0;
}

static int strikes(const char *fault, int file)
{
    char text[256], link[64], path[512];
    if (!reads(fault, text, sizeof text))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    return strstr(path, text) != NULL;
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset)
{
    if (strikes("full", file)) {
        errno = ENOSPC;
        return -1;
    }
    return REAL(pwrite64)(file, bytes, count, offset);
}

/* Record the synced part of a file. The rename replaces the record atomically for concurrent readers. */
static int noted(int result, int file)
{
    char record[40], draft[512], path[512];
    struct stat status;
    if (result != 0 || !strikes("noting", file) || fstat(file, &status) != 0 || pread(file, record, 32, 0) != 32)
        return result;
    int64_t length = status.st_size;
    memcpy(record + 32, &length, sizeof length);
    snprintf(draft, sizeof draft, "%s/synced.draft", getenv("BANK_FAULT_DIR"));
    snprintf(path, sizeof path, "%s/synced", getenv("BANK_FAULT_DIR"));
    int notes = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (notes >= 0) {
        if (write(notes, record, sizeof record) == sizeof record)
            rename(draft, path);
        close(notes);
    }
    return result;
}

int fdatasync(int file)
{
    if (strikes("unsynced", file)) {
        errno = EIO;
        return -1;
    }
    return noted(REAL(fdatasync)(file), file);
}

int fsync(int file)
{
    if (strikes("unsynced", file)) {
        errno = EIO;
        return -1;
    }
    return noted(REAL(fsync)(file), file);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    char text[32];
    int result = REAL(clock_gettime)(clock, now);
    if (result == 0 && clock == CLOCK_REALTIME && reads("clock", text, sizeof text))
        now->tv_sec += atol(text);
    return result;
}
