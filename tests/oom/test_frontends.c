/* test_frontends.c -- every allocation of what surrounds a graph: files, texts, training.
 *
 * Files are read and written in a folder in memory, if there is such a place.  */
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/oom/oom.h"

/* ---- files ------------------------------------------------------------- */

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_text(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "wb");
    fputs(text, f);
    fclose(f);
}

static void add_file(const char *name, FILE *out)
{
    FILE *f = fopen(in_folder(name), "rb");
    fprintf(out, "%s:%s", name, f ? "" : " none\n");
    for (int c; f && (c = fgetc(f)) != EOF;) fprintf(out, "%02x", c);
    if (f) fclose(f);
}

/* Nothing may be left beside the files that a case knows. */
static void count_files(FILE *out)
{
    DIR *d = opendir(folder);
    int count = 0;
    for (const struct dirent *e; (e = readdir(d));) count += e->d_name[0] != '.';
    closedir(d);
    fprintf(out, "%d files\n", count);
}

static void remove_files(an_oom *w)
{
    (void)w;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s/*", folder);
    ck_assert_int_eq(system(command), 0);
}

/* ---- checkpoints ------------------------------------------------------- */

static void set(an_store *s, const char *name, double first)
{
    an_tensor t = {0};
    an_tensor_alloc(&t, AN_F32, AN_EXTENTS(2, 3));
    for (int64_t i = 0; i < 6; i++) an_tensor_set(&t, i, first + (double)i);
    an_store_set(s, name, &t);
    an_tensor_free(&t);
}

static void prepare_store(an_oom *w)
{
    w->store = an_store_new(3);
    for (int i = 0; i < 9; i++) set(w->store, (char[]){'w', (char)('a' + i), 0}, i);
}

static void prepare_saved(an_oom *w)
{
    prepare_store(w);
    an_checkpoint_save(w->store, in_folder("x.safetensors"), &(an_metadata){"epoch", "3"}, 1);
    set(w->store, "wa", 100);
}

static void save(an_oom *w)
{
    const an_metadata about[] = {{"epoch", "4"}, {"note", "two"}};
    const an_status s = an_checkpoint_save(w->store, in_folder("x.safetensors"), about, 2);
    an_oom_says(w, s, an_store_message(w->store));
}

static void describe_saved(an_oom *w, FILE *out)
{
    (void)w;
    add_file("x.safetensors", out);
}

static void state_saved(an_oom *w, FILE *out)
{
    char hex[65];
    an_store_sha256(w->store, hex);
    fprintf(out, "%s %lld\n", hex, (long long)an_store_count(w->store));
    add_file("x.safetensors", out);
    count_files(out);
}

static void load(an_oom *w)
{
    const an_status s = an_checkpoint_load(w->store, in_folder("x.safetensors"), NULL);
    an_oom_says(w, s, an_store_message(w->store));
}

static void describe_store(an_oom *w, FILE *out)
{
    char hex[65];
    an_store_sha256(w->store, hex);
    fprintf(out, "%s\n", hex);
}

/* Of states that it has, and of one that it makes. */
static void prepare_averages(an_oom *w)
{
    prepare_store(w);
    const int64_t count = an_store_count(w->store);
    for (int64_t i = 0; i < count; i++) {
        char name[200];
        snprintf(name, sizeof name, "ema/%s", an_store_name(w->store, i));
        an_store_set(w->store, name, an_store_view(w->store, an_store_name(w->store, i)));
    }
}

static void take_averages(an_oom *w)
{
    const an_status s = an_store_take_averages(w->store, w->store, NULL);
    an_oom_says(w, s, an_store_message(w->store));
}

static void read_metadata(an_oom *w)
{
    w->made = an_checkpoint_metadata(in_folder("x.safetensors"), "epoch");
    an_oom_says(w, w->made ? AN_OK : AN_E_MEMORY, w->made ? "" : "out of memory");
}

static void fingerprint(an_oom *w)
{
    char hex[65] = "";
    const an_status s = an_store_sha256(w->store, hex);
    an_oom_says(w, s, s == AN_OK ? "" : an_store_message(w->store));
    snprintf(w->path, sizeof w->path, "%s", s == AN_OK ? hex : "");
}

static void describe_path(an_oom *w, FILE *out)
{
    fprintf(out, "%s\n", w->path);
}

/* ---- training ---------------------------------------------------------- */

static void prepare_training(an_oom *w)
{
    an_model m = {.g = an_graph_new("line")};
    const an_dim B = an_dim_named(m.g, "B");
    const an_value x = an_input(m.g, "x", AN_F32, AN_SHAPE(B, 3));
    m.y = an_nn_dense(an_dropout(x, 0.2f), .units = 1);
    m.loss = an_mse(m.y, an_input(m.g, "y", AN_F32, AN_SHAPE(B, 1)));
    m.up = an_minimize(m.loss, an_sgd(.rate = 0.05f, .momentum = 0.5f));
    w->m = m;
    w->store = an_store_new(5);
    w->program = an_compile(m.g, w->store, .fetch = {m.loss}, .update = m.up);
    w->second = an_compile(m.g, w->store, .fetch = {m.loss}, .inference = true);
    an_tensor_alloc(&w->feed[0], AN_F32, AN_EXTENTS(7, 3));
    an_tensor_alloc(&w->feed[1], AN_F32, AN_EXTENTS(7, 1));
    for (int64_t i = 0; i < 21; i++) an_tensor_set(&w->feed[0], i, (double)(i * 5 % 7) - 3);
    for (int64_t i = 0; i < 7; i++) an_tensor_set(&w->feed[1], i, (double)(i % 3));
}

static void prepare_prediction(an_oom *w)
{
    prepare_training(w);
    an_program_free(w->second);
    w->second = an_compile(w->m.g, w->store, .fetch = {w->m.y}, .inference = true);
}

static void take_history(an_oom *w, an_history *h)
{
    w->history = h;
    an_oom_says(w, an_history_status(h), an_history_message(h));
}

static void fit(an_oom *w)
{
    take_history(w, an_fit(w->program, .data = {{"x", &w->feed[0]}, {"y", &w->feed[1]}},
                           .epochs = 2, .batch = 3, .restore_best = true, .evaluate = w->second,
                           .validation_split = 0.3));
}

static void fit_in_folder(an_oom *w)
{
    take_history(w, an_fit(w->program, .data = {{"x", &w->feed[0]}, {"y", &w->feed[1]}},
                           .epochs = 2, .batch = 3, .restore_best = true,
                           .directory = in_folder("run")));
}

static void remove_events(void)
{
    char path[384];
    DIR *d = opendir(in_folder("events"));
    for (const struct dirent *f; d && (f = readdir(d)) != NULL;) {
        snprintf(path, sizeof path, "%s/events/%s", folder, f->d_name);
        if (f->d_name[0] != '.') unlink(path);
    }
    if (d) closedir(d);
    rmdir(in_folder("events"));
}

static void fit_watched(an_oom *w)
{
    take_history(w, an_fit(w->program, .data = {{"x", &w->feed[0]}, {"y", &w->feed[1]}},
                           .epochs = 2, .batch = 3, .events = in_folder("events"),
                           .histograms = 1));
    remove_events();
}

static void write_events(an_oom *w)
{
    an_events *e = an_events_open(in_folder("events"));
    an_events_scalar(e, "loss", 1, 2);
    an_events_histogram(e, "x", 1, &w->feed[0]);
    an_events_graph(e, w->m.g);
    an_oom_says(w, an_events_status(e), an_events_message(e));
    an_events_close(e);
    remove_events();
}

static void list_csv(an_oom *w)
{
    w->made = an_history_csv(w->more);
    an_oom_says(w, w->made ? AN_OK : AN_E_MEMORY, w->made ? "" : "out of memory");
}

static void list_json(an_oom *w)
{
    w->made = an_history_jsonl(w->more);
    an_oom_says(w, w->made ? AN_OK : AN_E_MEMORY, w->made ? "" : "out of memory");
}

static void prepare_half(an_oom *w)
{
    prepare_training(w);
    an_history_free(an_fit(w->program, .data = {{"x", &w->feed[0]}, {"y", &w->feed[1]}},
                           .batch = 3, .directory = in_folder("run")));
}

static void resume(an_oom *w)
{
    take_history(w, an_fit(w->program, .data = {{"x", &w->feed[0]}, {"y", &w->feed[1]}},
                           .epochs = 2, .batch = 3, .directory = in_folder("run"),
                           .resume = true));
}

/* A training that stopped has trained: what it gives afterwards is another training's. */
static void describe_history(an_oom *w, FILE *out)
{
    const an_history *h = w->history;
    fprintf(out, "%lld epochs, %lld metrics, %s\n", (long long)an_history_epochs(h),
            (long long)an_history_metrics(h), an_history_metric(h, 0));
}

static void state_none(an_oom *w, FILE *out)
{
    (void)w;
    (void)out;
}

static void load_history(an_oom *w)
{
    take_history(w, an_history_load(in_folder("run")));
}

static void plot(an_oom *w)
{
    an_history *h = w->more;
    w->made = an_plot_history(h, "a title");
    an_oom_says(w, w->made ? AN_OK : AN_E_MEMORY, w->made ? "" : "out of memory");
}

static void prepare_plot(an_oom *w)
{
    prepare_half(w);
    w->more = an_history_load(in_folder("run"));
}

static void prepare_plot_fixed(an_oom *w)
{
    (void)w;
    mkdir(in_folder("run"), 0777);
    write_text("run/training.json",
               "{\"format\":\"addnorm training 1\",\"arguments\":{},\"seed\":\"0\",\"batch\":3,"
               "\"examples\":7,\"best\":2,\"validated\":true,\"metrics\":[\"loss\",\"accuracy\"],"
               "\"epochs\":[{\"epoch\":1,\"seconds\":1.0,\"step_ms\":2.0,\"loss\":3.0,"
               "\"accuracy\":0.5,\"val_loss\":2.0,\"val_accuracy\":0.5,\"learning_rate\":0.5,"
               "\"update_ratio/a\":0.25},{\"epoch\":2,\"update_ratio/a\":null,"
               "\"learning_rate\":0.25,"
               "\"seconds\":1.0,\"step_ms\":2.0,\"loss\":2.0,\"accuracy\":0.75,\"val_loss\":1.0,"
               "\"val_accuracy\":null}],\"watched\":[\"learning_rate\",\"update_ratio/a\"]}\n");
    w->more = an_history_load(in_folder("run"));
}

static void free_plot(an_oom *w)
{
    an_history_free(w->more);
    remove_files(w);
}

static void evaluate(an_oom *w)
{
    an_scores *s = an_evaluate(w->second, .data = {{"x", &w->feed[0]}, {"y", &w->feed[1]}},
                               .batch = 3);
    an_oom_says(w, an_scores_status(s), an_scores_message(s));
    w->result = s;
}

static void describe_scores(an_oom *w, FILE *out)
{
    fprintf(out, "%a %lld\n", an_scores_value(w->result, 0),
            (long long)an_scores_examples(w->result));
}

static void drop_scores(an_oom *w)
{
    an_scores_free(w->result);
}

static void predict(an_oom *w)
{
    const an_status s = an_predict(w->second, .data = {{"x", &w->feed[0]}}, .out = {&w->out[0]},
                                   .batch = 3);
    an_oom_says(w, s, an_program_message(w->second));
}

/* ---- texts ------------------------------------------------------------- */

static const char *const texts[] = {"The plot was Dull, but the acting was superb.",
                                    "A film about a family; \xc3\x89t\xc3\xa9 in the rain!",
                                    "The the THE plot plot acting"};

static void fit_tokenizer(an_oom *w)
{
    an_tokenizer *t = an_tokenizer_new(&(an_tokenizer_options){.oov_token = "<oov>"});
    const an_status s = t ? an_tokenizer_fit(t, texts, 3) : AN_E_MEMORY;
    an_oom_says(w, s, t ? an_tokenizer_message(t) : "out of memory");
    w->result = t;
}

static void describe_tokenizer(an_oom *w, FILE *out)
{
    const an_tokenizer *t = w->result;
    fprintf(out, "%lld\n", (long long)an_tokenizer_words(t));
    for (int32_t i = 0; i < an_tokenizer_vocabulary(t); i++)
        fprintf(out, "%s\n", an_tokenizer_word(t, i) ? an_tokenizer_word(t, i) : "-");
}

static void drop_tokenizer(an_oom *w)
{
    an_tokenizer_free(w->result);
}

static void prepare_tokenizer(an_oom *w)
{
    an_tokenizer *t = an_tokenizer_new(NULL);
    an_tokenizer_fit(t, texts, 3);
    w->more = t;
}

static void encode(an_oom *w)
{
    an_sequences *s = calloc(1, sizeof *s);
    const an_status status = an_tokenizer_encode(w->more, texts, 3, s);
    an_oom_says(w, status, an_tokenizer_message(w->more));
    w->result = s;
    if (status != AN_OK) return;
    w->status = an_pad_sequences(s, &(an_pad_options){.maxlen = 5}, &w->out[0]);
    if (w->status != AN_OK) an_oom_says(w, w->status, "out of memory");
}

static void drop_sequences(an_oom *w)
{
    an_sequences_free(w->result);
    free(w->result);
}

static void free_tokenizer(an_oom *w)
{
    an_tokenizer_free(w->more);
    remove_files(w);
}

static void save_tokenizer(an_oom *w)
{
    const an_status s = an_tokenizer_save(w->more, in_folder("x.safetensors"));
    an_oom_says(w, s, an_tokenizer_message(w->more));
}

static void prepare_vocabulary(an_oom *w)
{
    prepare_tokenizer(w);
    an_tokenizer_save(w->more, in_folder("x.safetensors"));
}

static void load_tokenizer(an_oom *w)
{
    an_tokenizer *t = an_tokenizer_load(in_folder("x.safetensors"));
    w->result = t;
    const char *message = t ? an_tokenizer_message(t) : "out of memory";
    an_oom_says(w, !t || message[0] ? AN_E_MEMORY : AN_OK, message);
}

/* ---- data sets --------------------------------------------------------- */

static void prepare_files(an_oom *w)
{
    write_text("a.tsv", "good\ta film\nbad\t\xff broken\ngood\tanother film\n");
    write_text("b.csv", "id,text,label\n1,\"one, two\",good\n2,\"a \"\"b\"\"\",bad\n");
    mkdir(in_folder("c"), 0777);
    mkdir(in_folder("c/good"), 0777);
    mkdir(in_folder("c/bad"), 0777);
    write_text("c/good/1.txt", "a good film");
    write_text("c/bad/2.txt", "a bad film");
    w->more = an_dataset_new();
    an_dataset_add(w->more, "good", "was there before");
}

static void describe_dataset(an_oom *w, FILE *out)
{
    const an_dataset *d = w->more;
    for (int64_t i = 0; i < an_dataset_classes(d); i++)
        fprintf(out, "%s\n", an_dataset_class_name(d, i));
    for (int64_t i = 0; i < an_dataset_count(d); i++)
        fprintf(out, "%d %s\n", an_dataset_labels(d)[i], an_dataset_texts(d)[i]);
}

static void free_dataset(an_oom *w)
{
    an_dataset_free(w->more);
    remove_files(w);
}

static void read_rows(an_oom *w, const char *name)
{
    const an_status s = an_dataset_read(w->more, in_folder(name), NULL);
    an_oom_says(w, s, an_dataset_message(w->more));
}

static void read_tsv(an_oom *w) { read_rows(w, "a.tsv"); }
static void read_csv(an_oom *w) { read_rows(w, "b.csv"); }
static void read_classes(an_oom *w) { read_rows(w, "c"); }

static void generate(an_oom *w)
{
    const an_status s = an_dataset_generate(w->more, 8, 7);
    an_oom_says(w, s, an_dataset_message(w->more));
}

static void set_classes(an_oom *w)
{
    const char *const names[] = {"good", "bad", "ugly"};
    const an_status s = an_dataset_set_classes(w->more, names, 3);
    an_oom_says(w, s, an_dataset_message(w->more));
}

static const an_oom_case rows[] = {
    {"checkpoint save", .prepare = prepare_saved, .work = save, .describe = describe_saved,
     .state = state_saved, .done = remove_files},
    {"checkpoint load", .prepare = prepare_saved, .work = load, .describe = describe_store,
     .state = state_saved, .done = remove_files},
    {"checkpoint metadata", .prepare = prepare_saved, .work = read_metadata,
     .state = state_saved, .done = remove_files},
    {"take averages", .prepare = prepare_averages, .work = take_averages,
     .describe = describe_store},
    {"fingerprint", .prepare = prepare_store, .work = fingerprint, .describe = describe_path},
    {"fit", .prepare = prepare_training, .work = fit, .describe = describe_history,
     .state = state_none},
    {"fit in folder", .prepare = prepare_training, .work = fit_in_folder,
     .describe = describe_history, .state = state_none, .done = remove_files},
    {"fit watched", .prepare = prepare_training, .work = fit_watched,
     .describe = describe_history, .state = state_none},
    {"events", .prepare = prepare_training, .work = write_events},
    {"history as csv", .prepare = prepare_plot_fixed, .work = list_csv, .done = free_plot},
    {"history as json", .prepare = prepare_plot_fixed, .work = list_json, .done = free_plot},
    {"fit resumed", .prepare = prepare_half, .work = resume, .describe = describe_history,
     .state = state_none, .done = remove_files},
    {"history", .prepare = prepare_plot, .work = load_history, .describe = describe_history,
     .done = free_plot},
    {"history watched", .prepare = prepare_plot_fixed, .work = load_history,
     .describe = describe_history, .done = free_plot},
    {"plot", .prepare = prepare_plot_fixed, .work = plot, .done = free_plot},
    {"evaluate", .prepare = prepare_training, .work = evaluate, .describe = describe_scores,
     .drop = drop_scores},
    {"predict", .prepare = prepare_prediction, .work = predict},
    {"tokenizer", .work = fit_tokenizer, .describe = describe_tokenizer, .drop = drop_tokenizer},
    {"encode", .prepare = prepare_tokenizer, .work = encode, .drop = drop_sequences,
     .done = free_tokenizer},
    {"tokenizer save", .prepare = prepare_tokenizer, .work = save_tokenizer,
     .describe = describe_saved, .done = free_tokenizer},
    {"tokenizer load", .prepare = prepare_vocabulary, .work = load_tokenizer,
     .describe = describe_tokenizer, .drop = drop_tokenizer, .done = free_tokenizer},
    {"tsv", .prepare = prepare_files, .work = read_tsv, .describe = describe_dataset,
     .state = describe_dataset, .done = free_dataset},
    {"csv", .prepare = prepare_files, .work = read_csv, .describe = describe_dataset,
     .state = describe_dataset, .done = free_dataset},
    {"folder", .prepare = prepare_files, .work = read_classes, .describe = describe_dataset,
     .state = describe_dataset, .done = free_dataset},
    {"generate", .prepare = prepare_files, .work = generate, .describe = describe_dataset,
     .state = describe_dataset, .done = free_dataset},
    {"classes", .prepare = prepare_files, .work = set_classes, .describe = describe_dataset,
     .state = describe_dataset, .done = free_dataset},
};

START_TEST(test_every_allocation)
{
    snprintf(folder, sizeof folder, "%s/addnorm-oom-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    const int64_t wrong = an_oom_try(rows, (int)(sizeof rows / sizeof *rows));
    rmdir(folder);
    ck_assert_int_eq(wrong, 0);
}
END_TEST

AN_TEST_MAIN("oom_frontends", test_every_allocation)
