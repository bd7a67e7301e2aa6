/* Preloaded into every process of a bank under test: a disk that is full or does not sync, and a clock that was set.
 *
 * Each fault is a file in the folder BANK_FAULT_DIR, and lasts as long as the file is there:
 *   full      pwrite fails with ENOSPC  } on files whose path holds the text in the file
 *   unsynced  fsync fails with EIO      }
 *   clock     the time of day is as many seconds ahead as the text in the file says
 *   noting    fsync writes down what of such a file is on the disk for sure: its first 32 bytes and its length, in a
 *             file "synced" of that folder. What comes behind that is what a power cut may take.
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

/* The text of a fault's file; 0 when there is no such fault now. Leaves errno as it is. */
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

/* Note what is on the disk now. Renaming makes it whole at once, also for who reads it meanwhile. */
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
