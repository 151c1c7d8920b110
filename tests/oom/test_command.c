/* test_command.c -- every allocation of the command: it says so, fails, and writes nothing else. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "frontends/cli/cli.h"
#include "tests/oom/oom.h"

/* ---- a graph in a file ------------------------------------------------- */

static char path[64], arrays[80];

static void open_files(void)
{
    snprintf(path, sizeof path, "%s/addnorm-oom-XXXXXX.an",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    const int fd = mkstemps(path, 3);
    ck_assert_int_ge(fd, 0);
    an_graph *g = an_graph_new("small");
    const an_dim B = an_dim_named(g, "B");
    const an_value x = an_input(g, "x", AN_F32, AN_SHAPE(B, 4));
    an_value h = an_nn_layer_norm(an_residual_add(x, an_nn_dense(x, .units = 4)));
    const an_value loss = an_mean_axes(an_square(h), AN_ALL_AXES, false);
    an_graph_output(loss, "loss");
    an_graph_output(h, "h");
    an_minimize(loss, an_sgd(.rate = 0.1f, .momentum = 0.5f));
    char *text = an_print(g);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    an_string_free(text);
    an_graph_free(g);
    snprintf(arrays, sizeof arrays, "x=%s.npy", path);
    FILE *f = fopen(arrays + 2, "wb");
    const float data[8] = {1, -2, 3, 4, 0.5f, 2, -1, 0};
    fprintf(f, "\x93NUMPY%c%c%c%c%-117s\n", 1, 0, 118, 0,
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }");
    fseek(f, 8, SEEK_SET);
    fputc(118, f);
    fputc(0, f);
    fseek(f, 0, SEEK_END);
    fwrite(data, sizeof data, 1, f);
    fclose(f);
}

static void close_files(void)
{
    unlink(path);
    unlink(arrays + 2);
}

/* ---- a call ------------------------------------------------------------ */

typedef struct capture {
    int kept, file, stream;
} capture;

static capture begin(FILE *f, int stream)
{
    fflush(f);
    const capture c = {dup(stream), memfd_create("oom", 0), stream};
    dup2(c.file, stream);
    return c;
}

static char *end(FILE *f, capture *c)
{
    fflush(f);
    dup2(c->kept, c->stream);
    close(c->kept);
    const off_t size = lseek(c->file, 0, SEEK_END);
    char *text = calloc((size_t)size + 1, 1);
    ck_assert_int_eq(pread(c->file, text, (size_t)size, 0), size);
    close(c->file);
    return text;
}

/* What stands on standard output after a failure must be nothing, or say that it is no result. */
static void call(an_oom *w, const char *const *words)
{
    char *argv[16] = {(char[]){"addnorm"}};
    int count = 1;
    for (; words[count - 1]; count++) {
        const char *word = words[count - 1];
        argv[count] = (char *)(!strcmp(word, "FILE") ? path : !strcmp(word, "X") ? arrays : word);
    }
    capture out = begin(stdout, 1), err = begin(stderr, 2);
    const int answer = an_cli_main(count, argv);
    char *said = end(stderr, &err), *written = end(stdout, &out);
    const bool told = strstr(said[0] ? said : written, "out of memory");
    an_oom_says(w, answer == 0 ? AN_OK : AN_E_MEMORY,
                answer == 0 ? "" : told ? "out of memory" : said[0] ? said : written);
    free(said);
    w->result = written;
}

static void describe(an_oom *w, FILE *out)
{
    fprintf(out, "%s", (char *)w->result);
}

static void drop(an_oom *w)
{
    free(w->result);
}

#define CALL(name, ...)                                                                            \
    static void name(an_oom *w) { call(w, (const char *const[]){__VA_ARGS__, NULL}); }
CALL(print, "print", "FILE", "--locations")
CALL(print_around, "print", "FILE", "--around", "loss", "--radius", "2")
CALL(diff, "diff", "FILE", "FILE")
CALL(diff_json, "diff", "FILE", "FILE", "--json")
CALL(opt, "opt", "FILE", "--explain", "--passes", "canonicalise,dce,fuse_add_norm")
CALL(opt_json, "opt", "FILE", "--json")
CALL(verify, "verify", "FILE", "--steps", "1", "--threads", "1", "--bind", "B=2")
CALL(verify_json, "verify", "FILE", "--json", "--steps", "1", "--threads", "1")
CALL(grad, "grad", "FILE", "--of", "loss", "--wrt", "x,dense/kernel")
CALL(grad_all, "grad", "FILE", "--of", "loss")
CALL(run, "run", "FILE", "--feed", "X", "--seed", "3", "--update", "sgd", "--steps", "2")
CALL(run_inside, "run", "FILE", "--feed", "X", "--fetch", "%3", "--fetch", "dense/%3.0")
CALL(run_json, "run", "FILE", "--feed", "X", "--fetch", "loss", "--json")
CALL(dot, "dot", "FILE", "--focus", "loss")
CALL(mermaid, "mermaid", "FILE")
CALL(json, "json", "FILE", "--bind", "B=2")
CALL(summary, "summary", "FILE", "--bind", "B=2")
CALL(ops, "ops")
CALL(ops_json, "ops", "--json")
CALL(op, "ops", "lstm")
CALL(op_json, "ops", "lstm", "--json")
CALL(passes, "passes")
CALL(passes_json, "passes", "--json")
CALL(help, "help")
CALL(help_verify, "help", "verify")
CALL(help_man, "help", "--man")
CALL(help_bash, "help", "--completion", "bash")

#define ROW(name) {#name, .work = name, .describe = describe, .drop = drop}
static const an_oom_case rows[] = {
    ROW(print), ROW(opt), ROW(opt_json), ROW(verify), ROW(verify_json), ROW(grad), ROW(grad_all),
    ROW(run), ROW(run_json), ROW(dot), ROW(mermaid), ROW(json), ROW(summary), ROW(ops),
    ROW(ops_json), ROW(op), ROW(op_json), ROW(passes), ROW(passes_json), ROW(help),
    ROW(help_verify),
    ROW(print_around), ROW(diff), ROW(diff_json), ROW(run_inside), ROW(help_man), ROW(help_bash),
};

START_TEST(test_every_allocation)
{
    open_files();
    const int64_t wrong = an_oom_try(rows, (int)(sizeof rows / sizeof *rows));
    close_files();
    ck_assert_int_eq(wrong, 0);
}
END_TEST

AN_TEST_MAIN("oom_command", test_every_allocation)
