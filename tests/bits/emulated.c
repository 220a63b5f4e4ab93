/* Makes the calls that a file tells of, in the memory it holds, and writes that memory back.

   The file: how many stretches of memory there are, the bytes of each; how many calls; how many
   numbers tell of them, and these: for each call its door, how many arguments, and for each
   argument a stretch and how far into it, or -1 and a number; how many worker threads there are,
   and where their pool's memory is, a stretch and how far into it; then the memory.

   On Linux the doors, `worker` and `stop` are linked in. On Windows LLVM loads them from object
   files, as handgrad does there: the words after the file's are llvmlite.dll, then a symbol and an
   object file for each. Symbols that begin with `call` are the doors, in their order. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FINISHED -1
#define LINE 64

typedef int64_t (*Door)(int64_t *);
typedef void (*Worker)(char *, int64_t);
typedef void (*Stop)(char *);

static void all(size_t done, size_t wanted) {
    if (done != wanted) exit(2);
}

#ifdef _WIN32
#include <windows.h>
static Door doors[64];
static Worker worker;
static Stop stop;

static char *content(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) exit(3);
    fseek(file, 0, SEEK_END);
    *size = ftell(file);
    rewind(file);
    char *found = malloc(*size);
    all(fread(found, 1, *size, file), *size);
    fclose(file);
    return found;
}

static void load(int count, char **words) {
    HMODULE llvm = LoadLibraryA(words[0]);
    if (!llvm) exit(4);
#define LLVM(result, name, ...) ((result(*)(__VA_ARGS__))(void *)GetProcAddress(llvm, "LLVMPY_" name))
    const char *triple = "x86_64-pc-windows-msvc-elf", *error = 0;
    LLVM(void, "InitializeNativeTarget", void)();
    LLVM(void, "InitializeNativeAsmPrinter", void)();
    void *context = LLVM(void *, "GetGlobalContext", void)();
    void *target = LLVM(void *, "GetTargetFromTriple", const char *, const char **)(triple, &error);
    for (int i = 1, door = 0; i + 1 < count; i += 2) {
        size_t size;
        char *code = content(words[i + 1], &size);
        void *module = LLVM(void *, "ParseAssembly", void *, const char *, const char **)(context, "", &error);
        void *machine = LLVM(void *, "CreateTargetMachine", void *, const char *, const char *, const char *, int,
                             const char *, const char *, int, int, const char *)(
            target, triple, "", "", 3, "default", "jitdefault", 0, 0, "");
        void *engine = LLVM(void *, "CreateMCJITCompiler", void *, void *, char, const char **)(
            module, machine, 0, &error);
        if (!engine) exit(5);
        void *object = LLVM(void *, "CreateObjectFile", const char *, size_t)(code, size);
        LLVM(void, "MCJITAddObjectFile", void *, void *)(engine, object);
        LLVM(void, "FinalizeObject", void *)(engine);
        const char *name = words[i], *here = strchr(name, '=');
        uint64_t address = LLVM(uint64_t, "GetFunctionAddress", void *, const char *)(engine, here ? here + 1 : name);
        if (!address) exit(6);
        if (here) { /* a function that others call by this name */
            char symbol[64] = {0};
            memcpy(symbol, name, here - name);
            LLVM(void, "AddSymbol", const char *, void *)(symbol, (void *)address);
        } else if (!strcmp(name, "worker")) worker = (Worker)address;
        else if (!strcmp(name, "stop")) stop = (Stop)address;
        else doors[door++] = (Door)address;
    }
}
#else
#define X(door) int64_t door(int64_t *);
DOORS
#undef X
#define X(door) door,
static Door doors[] = {DOORS};
#undef X
void worker(char *, int64_t);
void stop(char *);
#endif

static int64_t *numbers(FILE *file, int64_t count) {
    int64_t *found = malloc(8 * count + 8);
    all(fread(found, 8, count, file), count);
    return found;
}

static void *work(void *pool) {
    worker(pool, 0);
    return 0;
}

int main(int count, char **words) {
#ifdef _WIN32
    load(count - 2, words + 2);
#endif
    FILE *file = fopen(words[1], "rb");
    int64_t stretches = *numbers(file, 1), *sizes = numbers(file, stretches);
    int64_t n_calls = *numbers(file, 1), n_told = *numbers(file, 1);
    int64_t *told = numbers(file, n_told), *pool = numbers(file, 3);
    char **memory = malloc(8 * stretches);
    for (int64_t i = 0; i < stretches; i++) {
        char *begin = malloc(sizes[i] + 2 * LINE);
        memory[i] = begin + LINE - (uintptr_t)begin % LINE;
        all(fread(memory[i], 1, sizes[i], file), sizes[i]);
    }
    fclose(file);
    pthread_t *threads = malloc(sizeof(pthread_t) * (pool[0] + 1));
    char *shared = pool[0] ? memory[pool[1]] + pool[2] : 0;
    for (int64_t i = 0; i < pool[0]; i++) all(pthread_create(&threads[i], 0, work, shared), 0);
    int64_t result[2] = {0, FINISHED};
    for (; result[0] < n_calls && result[1] == FINISHED;) {
        int64_t door = told[0], n = told[1], *block = malloc(8 * n);
        for (int64_t i = 0; i < n; i++) {
            int64_t stretch = told[2 + 2 * i], place = told[3 + 2 * i];
            block[i] = stretch < 0 ? place : (int64_t)(intptr_t)(memory[stretch] + place);
        }
        told += 2 + 2 * n;
        result[1] = doors[door](block);
        result[0] += result[1] == FINISHED;
        free(block);
    }
    if (pool[0]) stop(shared);
    for (int64_t i = 0; i < pool[0]; i++) pthread_join(threads[i], 0);
    file = fopen(words[1], "wb");
    all(fwrite(result, 8, 2, file), 2);
    for (int64_t i = 0; i < stretches; i++) all(fwrite(memory[i], 1, sizes[i], file), sizes[i]);
    fclose(file);
    return 0;
}
