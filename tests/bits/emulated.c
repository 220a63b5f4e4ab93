/* Makes the calls that a file tells of, in the memory it holds, and writes that memory back.

   The file: how many stretches of memory there are, the bytes of each; how many calls; how many
   numbers tell of them, and these: for each call its door, how many arguments, and for each
   argument a stretch and how far into it, or -1 and a number; then the memory. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FINISHED -1
#define LINE 64

#define X(door) int64_t door(int64_t *);
DOORS
#undef X
#define X(door) door,
static int64_t (*doors[])(int64_t *) = {DOORS};
#undef X

static void all(size_t done, size_t wanted) {
    if (done != wanted) exit(2);
}

static int64_t *numbers(FILE *file, int64_t count) {
    int64_t *found = malloc(8 * count + 8);
    all(fread(found, 8, count, file), count);
    return found;
}

int main(int count, char **words) {
    FILE *file = fopen(words[1], "rb");
    int64_t stretches = *numbers(file, 1), *sizes = numbers(file, stretches);
    int64_t n_calls = *numbers(file, 1), n_told = *numbers(file, 1);
    int64_t *told = numbers(file, n_told);
    char **memory = malloc(8 * stretches);
    for (int64_t i = 0; i < stretches; i++) {
        memory[i] = aligned_alloc(LINE, (sizes[i] / LINE + 2) * LINE);
        all(fread(memory[i], 1, sizes[i], file), sizes[i]);
    }
    fclose(file);
    int64_t result[2] = {0, FINISHED};
    for (; result[0] < n_calls && result[1] == FINISHED;) {
        int64_t door = told[0], n = told[1], *block = malloc(8 * n);
        for (int64_t i = 0; i < n; i++) {
            int64_t stretch = told[2 + 2 * i], place = told[3 + 2 * i];
            block[i] = stretch < 0 ? place : (int64_t)(memory[stretch] + place);
        }
        told += 2 + 2 * n;
        result[1] = doors[door](block);
        result[0] += result[1] == FINISHED;
        free(block);
    }
    file = fopen(words[1], "wb");
    all(fwrite(result, 8, 2, file), 2);
    for (int64_t i = 0; i < stretches; i++) all(fwrite(memory[i], 1, sizes[i], file), sizes[i]);
    fclose(file);
    return 0;
}
