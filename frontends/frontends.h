/* frontends.h -- what surrounds a graph: texts, data sets, layers, training.
 *
 * Public. The text part follows Keras's legacy preprocessing to the letter, so
 * that a model trained there and one trained here see the same numbers; where C
 * strings or the Unicode version make a difference, it is said below.
 *
 * Objects keep the message of the last call that failed (`an_..._message`). A
 * constructor gives NULL only when memory is out; if its arguments are wrong,
 * the object says so at every later call. Option structs may be NULL or zero:
 * that is the default. Texts are 0-terminated UTF-8; ill-formed bytes count as
 * U+FFFD, as Python's errors="replace" has it.
 *
 * Threads: a tokenizer, a data set or a store is used by one thread at a time, a training
 * by the one that called it; different objects by any number. A history or scores, once a
 * call has returned them, are fixed: any number of threads may read them.    */
#ifndef AN_FRONTENDS_H
#define AN_FRONTENDS_H

#include "graph/equal/equal.h"
#include "graph/graph.h"
#include "graph/memory/memory_map.h"
#include <signal.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ======================================================================== */
/* Texts: Tokenizer and pad_sequences                                       */
/* ======================================================================== */

/* keras.preprocessing.text.Tokenizer: words become ids by falling count, ties
 * by first appearance; 0 is never a word. */
typedef struct an_tokenizer an_tokenizer;

typedef struct an_tokenizer_options {
    int64_t num_words;     /* ids from this one on are unknown words; 0: no limit */
    const char *filters;   /* characters that separate; NULL: AN_TOKENIZER_FILTERS */
    const char *split;     /* splits on exactly this string; NULL: one space */
    const char *oov_token; /* takes id 1 and stands for unknown words; NULL: they are dropped */
    bool keep_case;        /* Keras's lower=False */
    bool char_level;       /* every character is a word; filters and split are not used */
} an_tokenizer_options;

#define AN_TOKENIZER_FILTERS "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n"

/* Copies the options. Refuses a negative num_words and an empty split. */
AN_API an_tokenizer *an_tokenizer_new(const an_tokenizer_options *options);
AN_API void an_tokenizer_free(an_tokenizer *t);
/* Why the last call failed; "" if it did not. Never NULL. */
AN_API const char *an_tokenizer_message(const an_tokenizer *t);

/* fit_on_texts: counts the words of more texts and numbers all words anew. It
 * may be called again, and ids then change. After a failure for want of memory
 * the counts are incomplete, and the tokenizer refuses further use. */
AN_API an_status an_tokenizer_fit(an_tokenizer *t, const char *const *texts, int64_t count);

/* Rows of ids, each of its own length: row i is ids[start[i]] up to, not
 * including, ids[start[i + 1]]. Zero-initialised, it is empty. */
typedef struct an_sequences {
    int64_t count;  /* rows */
    int64_t *start; /* count + 1 of them; NULL if nothing was ever put in */
    int32_t *ids;
} an_sequences;

AN_API void an_sequences_free(an_sequences *s);

/* texts_to_sequences. Replaces what `out` held; on failure leaves it alone.
 * Before the first fit, every word is unknown. */
AN_API an_status an_tokenizer_encode(an_tokenizer *t, const char *const *texts, int64_t count,
                                     an_sequences *out);

AN_API int64_t an_tokenizer_words(const an_tokenizer *t); /* len(word_index) */
/* One more than the largest id that encode can give: the rows an embedding
 * needs. Without num_words this is len(word_index) + 1. */
AN_API int64_t an_tokenizer_vocabulary(const an_tokenizer *t);
AN_API int64_t an_tokenizer_documents(const an_tokenizer *t); /* texts seen by fit */
/* word_index and back: 0 for an unknown word, NULL for an id that has none. The
 * string lives as long as the tokenizer. As in Keras, num_words plays no part,
 * and an oov_token that also occurs in the texts has the id of that word. */
AN_API int32_t an_tokenizer_id(const an_tokenizer *t, const char *word);
AN_API const char *an_tokenizer_word(const an_tokenizer *t, int32_t id);
AN_API int64_t an_tokenizer_count(const an_tokenizer *t, const char *word); /* word_counts */

/* Writes and reads the JSON of Keras's Tokenizer.to_json, so vocabularies go
 * both ways. The file is replaced as a whole or not at all. A file that cannot be
 * read, or whose word_index does not follow from its word_counts, is refused. */
AN_API an_status an_tokenizer_save(an_tokenizer *t, const char *path);
AN_API an_tokenizer *an_tokenizer_load(const char *path);
AN_API an_tokenizer *an_tokenizer_from_json(const char *json);

typedef enum an_side { AN_PRE = 0, AN_POST = 1 } an_side;

typedef struct an_pad_options {
    int64_t maxlen;     /* columns; 0: the longest row's length */
    an_side padding;    /* where the filling goes */
    an_side truncating; /* which end of a long row is cut off */
    int32_t value;      /* the filling */
} an_pad_options;

/* pad_sequences: an i32 tensor [count, maxlen] (an_tensor_alloc's rules). */
AN_API an_status an_pad_sequences(const an_sequences *s, const an_pad_options *options,
                                  an_tensor *out);

/* ======================================================================== */
/* Data sets: labelled texts                                                */
/* ======================================================================== */

/* Rows of (text, class), in a fixed order. Its texts are well-formed UTF-8; a
 * NUL byte in a file becomes U+FFFD, since texts are C strings. */
typedef struct an_dataset an_dataset;

AN_API an_dataset *an_dataset_new(void);
AN_API void an_dataset_free(an_dataset *d);
AN_API const char *an_dataset_message(const an_dataset *d); /* "" if the last call went well */

typedef enum an_dataset_format {
    AN_FORMAT_AUTO = 0,  /* a folder, *.csv, *.tsv, else by the first line */
    AN_FORMAT_TSV = 1,   /* label, tab, ..., tab, text; no header, no quoting */
    AN_FORMAT_CSV = 2,   /* RFC 4180 with a header line */
    AN_FORMAT_FOLDER = 3 /* one folder per class, one text per file (aclImdb) */
} an_dataset_format;

typedef struct an_dataset_options {
    an_dataset_format format;
    const char *label_column; /* CSV: NULL finds "label" or "sentiment" */
    const char *text_column;  /* CSV: NULL finds "text" or "review" */
} an_dataset_options;

/* Appends the rows of a file or folder; "-" is standard input. A failed read
 * adds no row, and its message names file and line. Empty lines are skipped, a
 * byte-order mark is dropped, lines end in LF or CR LF. In a folder, names are
 * taken in bytewise order; hidden names, plain files beside the class folders, and the
 * class `unsup` (reviews without a label) are passed over. */
AN_API an_status an_dataset_read(an_dataset *d, const char *path,
                                 const an_dataset_options *options);
AN_API an_status an_dataset_add(an_dataset *d, const char *label, const char *text);

/* Appends generated film reviews labelled "negative" and "positive", half each,
 * all different, 15 to 60 words long. Which words occur says nearly nothing about the
 * label; their order decides it (see corpus.c). The same seed gives the same
 * rows. At most 1,000,000 at a time. */
AN_API an_status an_dataset_generate(an_dataset *d, int64_t count, uint64_t seed);

/* The rows. The arrays belong to `d` and hold until it changes. Classes are
 * numbered in sorted order: by value if every label is an integer, else bytewise. */
AN_API int64_t an_dataset_count(const an_dataset *d);
AN_API const char *const *an_dataset_texts(const an_dataset *d);
AN_API const int32_t *an_dataset_labels(const an_dataset *d);
AN_API int64_t an_dataset_classes(const an_dataset *d);
AN_API const char *an_dataset_class_name(const an_dataset *d, int64_t i); /* NULL out of range */

/* Fixes the classes and their numbers, as a trained model knows them; a label
 * beyond them is then an error. Without this, a test file that lacks a class
 * would be numbered otherwise than the training file. */
AN_API an_status an_dataset_set_classes(an_dataset *d, const char *const *names, int64_t count);

/* Puts the rows in an order that depends on seed and count alone. */
AN_API an_status an_dataset_shuffle(an_dataset *d, uint64_t seed);

/* Keras's validation_split: rows before the result train, the others (the last
 * ones) validate. -1 and a message if `fraction` is not in [0, 1) or would leave
 * a side empty; 0 asks for no validation and gives the count. */
AN_API int64_t an_dataset_split(an_dataset *d, double fraction);

/* ======================================================================== */
/* Layers: ops with weights of their own                                    */
/* ======================================================================== */

/* A layer opens a scope (its name, made unique), creates its states there and
 * returns its result. Weights start as in Keras unless an initialiser is given:
 * kernels Glorot uniform, recurrent kernels orthogonal, embeddings uniform in
 * +-0.05, biases 0 with the forget gate's 1. To tie weights, hand in a state that
 * exists (`.kernel`, `.table`); its shape is checked.
 *
 * The first field is the layer's operand, the others are named:
 *     h = an_nn_dense(h, .units = 64);                                        */

/* A start other than the layer's own. `set` tells zeros from "not given". */
typedef struct an_start {
    bool set;
    an_init init;
} an_start;
#define AN_START(...) {true, {.kind = __VA_ARGS__}}

typedef struct an_dense_args {
    an_at at;
    an_value x;      /* [.., D] */
    int64_t units;   /* result [.., units]; 0: as many as the .kernel handed in has */
    const char *name;
    bool no_bias;
    an_start kernel_start, bias_start;
    an_value kernel, bias; /* [D, units] and [units], instead of new ones */
} an_dense_args;
/* x times kernel, plus bias. */
AN_API an_value an_nn_dense_with(const an_dense_args *args);
#define an_nn_dense(...) an_nn_dense_with(&(an_dense_args){.at = AN_HERE, __VA_ARGS__})

typedef struct an_embedding_args {
    an_at at;
    an_value ids;    /* i32 or i64 [..] in [0, vocab) */
    int64_t vocab, units;
    const char *name;
    an_start table_start;
    an_value table;  /* [vocab, units], instead of a new one */
    an_id padding_row; /* AN_ID(0): this id gives zeros, and its row takes no gradient */
} an_embedding_args;
/* [.., units] */
AN_API an_value an_nn_embedding_with(const an_embedding_args *args);
#define an_nn_embedding(...) an_nn_embedding_with(&(an_embedding_args){.at = AN_HERE, __VA_ARGS__})

/* Weights of an LSTM of H units, instead of new ones; those left out are made. */
typedef struct an_lstm_weights {
    an_value kernel, recurrent, bias; /* [D, 4H], [H, 4H], [4H]; columns are the gates i, f, c, o */
} an_lstm_weights;

typedef struct an_lstm_args {
    an_at at;
    an_value x;       /* [B, T, D] */
    int64_t units;    /* H; 0: that of the weights handed in */
    const char *name;
    bool reverse;     /* from the last step to the first; the result stays in x's order */
    bool last;        /* the state after the last step, [B, units], instead of all steps */
    an_value lengths; /* [B]: steps of each row; the rest is skipped and gives 0 */
    an_value h0, c0;  /* [B, units]; left out: zeros */
    an_lstm_weights weights, backward; /* an_nn_bilstm's second direction has the latter */
    an_start kernel_start, recurrent_start, bias_start;
} an_lstm_args;
/* [B, T, units]; see an_lstm for the formulas. */
AN_API an_value an_nn_lstm_with(const an_lstm_args *args);
#define an_nn_lstm(...) an_nn_lstm_with(&(an_lstm_args){.at = AN_HERE, __VA_ARGS__})
/* Two of them, one in each direction, side by side: [B, T, 2 * units]. `.reverse`,
 * `.h0` and `.c0` must not be given. */
AN_API an_value an_nn_bilstm_with(const an_lstm_args *args);
#define an_nn_bilstm(...) an_nn_bilstm_with(&(an_lstm_args){.at = AN_HERE, __VA_ARGS__})

/* Weights of a GRU of H units, instead of new ones; those left out are made. */
typedef struct an_gru_weights {
    an_value kernel, recurrent, bias; /* [D, 3H], [H, 3H], [3H]; columns are the gates z, r, h */
    an_value recurrent_bias; /* [3H]; none is made with `.reset_before`: a second bias */
} an_gru_weights;

typedef struct an_gru_args {
    an_at at;
    an_value x;       /* [B, T, D] */
    int64_t units;    /* H; 0: that of the weights handed in */
    const char *name;
    bool reset_before; /* the reset gate meets the state (Cho et al.), not its product (Keras 2) */
    bool reverse, last; /* these and lengths as in an_lstm_args */
    an_value lengths;
    an_value h0;      /* [B, units]; left out: zeros */
    an_gru_weights weights, backward; /* an_nn_bigru's second direction has the latter */
    an_start kernel_start, recurrent_start, bias_start; /* the last of both biases */
} an_gru_args;
/* [B, T, units]; see an_gru for the formulas. */
AN_API an_value an_nn_gru_with(const an_gru_args *args);
#define an_nn_gru(...) an_nn_gru_with(&(an_gru_args){.at = AN_HERE, __VA_ARGS__})
/* Both directions side by side: [B, T, 2 * units]. `.reverse` and `.h0` must not be given. */
AN_API an_value an_nn_bigru_with(const an_gru_args *args);
#define an_nn_bigru(...) an_nn_bigru_with(&(an_gru_args){.at = AN_HERE, __VA_ARGS__})

typedef struct an_rnn_weights {
    an_value kernel, recurrent, bias; /* [D, H], [H, H], [H] */
} an_rnn_weights;

typedef struct an_rnn_args {
    an_at at;
    an_value x;
    int64_t units;
    const char *name;
    bool relu;        /* in place of tanh */
    bool reverse, last;
    an_value lengths, h0;
    an_rnn_weights weights, backward;
    an_start kernel_start, recurrent_start, bias_start;
} an_rnn_args;
/* The simple RNN, with all else as of an_nn_gru. */
AN_API an_value an_nn_rnn_with(const an_rnn_args *args);
#define an_nn_rnn(...) an_nn_rnn_with(&(an_rnn_args){.at = AN_HERE, __VA_ARGS__})
AN_API an_value an_nn_birnn_with(const an_rnn_args *args);
#define an_nn_birnn(...) an_nn_birnn_with(&(an_rnn_args){.at = AN_HERE, __VA_ARGS__})

typedef struct an_norm_args {
    an_at at;
    an_value x;
    const char *name;
    double eps;      /* 0: Keras's 1e-3; for a true 0 use an_layer_norm */
    bool no_scale;   /* no gamma */
    bool no_shift;   /* no beta */
    an_value gamma, beta; /* [D], instead of new ones */
    an_start gamma_start, beta_start;
} an_norm_args;
/* Over the last axis, with gamma from 1 and beta from 0. On an_residual_add's
 * result it is a pair that fuse_add_norm fuses, and so is an RMS norm. */
AN_API an_value an_nn_layer_norm_with(const an_norm_args *args);
#define an_nn_layer_norm(...) an_nn_layer_norm_with(&(an_norm_args){.at = AN_HERE, __VA_ARGS__})
AN_API an_value an_nn_rms_norm_with(const an_norm_args *args); /* has no beta */
#define an_nn_rms_norm(...) an_nn_rms_norm_with(&(an_norm_args){.at = AN_HERE, __VA_ARGS__})

typedef struct an_residual_args {
    an_at at;
    an_value x;       /* the block's input, [.., D] */
    an_value branch;  /* what the block computed from it, [.., E] */
    const char *name;
    double eps;       /* as in an_norm_args */
    bool no_norm;     /* the sum alone: a pre-norm block */
    an_value gamma, beta; /* [E], instead of new ones */
    an_value project;     /* [D, E], where D is not E, instead of a new one */
} an_residual_args;
/* Add & Norm: layer_norm(x + branch). Where D is not E, x goes through a dense
 * layer without bias first, as the projection shortcut of a ResNet does. */
AN_API an_value an_nn_residual_with(const an_residual_args *args);
#define an_nn_residual(...) an_nn_residual_with(&(an_residual_args){.at = AN_HERE, __VA_ARGS__})

/* Over images [N,C,H,W], of an_nn_conv1d over series [N,C,T]; C is literal. What a square window
 * and equal strides do not say stands in `.window` (an_window of ops.h): its numbers, where they
 * are not 0, come before `.size` and `.stride`. Of series its first numbers count:
 * .window.padding is before and after. */
typedef struct an_conv_args {
    an_at at;
    an_value x;
    int64_t channels; /* of the result */
    int size, stride; /* of the window, along each axis; stride 0 is 1 */
    bool same;        /* padding that makes ceil(H / stride) rows, one more behind where it is odd,
                       * as Keras's "same"; with strides H and W are literal. Transposed: H * stride
                       * rows */
    bool no_bias;
    const char *name;
    an_window window;
    int more[2];          /* transposed: see an_conv2d_transpose */
    an_value kernel, bias; /* [channels, C/groups, size, size], transposed
                            * [C, channels/groups, size, size], and [channels]: instead of new ones;
                            * a kernel says channels and size */
    an_start kernel_start, bias_start; /* fans of a kernel: its channels times the window */
} an_conv_args;
AN_API an_value an_nn_conv2d_with(const an_conv_args *args);
AN_API an_value an_nn_conv1d_with(const an_conv_args *args);
AN_API an_value an_nn_conv2d_transpose_with(const an_conv_args *args);
#define an_nn_conv2d(...) an_nn_conv2d_with(&(an_conv_args){.at = AN_HERE, __VA_ARGS__})
#define an_nn_conv1d(...) an_nn_conv1d_with(&(an_conv_args){.at = AN_HERE, __VA_ARGS__})
#define an_nn_conv2d_transpose(...) \
    an_nn_conv2d_transpose_with(&(an_conv_args){.at = AN_HERE, __VA_ARGS__})

typedef struct an_pool_args {
    an_at at;
    an_value x;       /* [N,C,H,W] */
    int size, stride; /* 0: 2, and the size */
    bool same;        /* as of a convolution */
    an_window window; /* as of a convolution; .counted of a mean */
} an_pool_args;
AN_API an_value an_nn_max_pool2d_with(const an_pool_args *args);
AN_API an_value an_nn_avg_pool2d_with(const an_pool_args *args);
#define an_nn_max_pool2d(...) an_nn_max_pool2d_with(&(an_pool_args){.at = AN_HERE, __VA_ARGS__})
#define an_nn_avg_pool2d(...) an_nn_avg_pool2d_with(&(an_pool_args){.at = AN_HERE, __VA_ARGS__})
/* The mean of each channel: [N,C,..] -> [N,C]. */
AN_API an_value an_nn_global_pool_at(an_at at, an_value x);
#define an_nn_global_pool(...) an_nn_global_pool_at(AN_HERE, __VA_ARGS__)

typedef struct an_channel_norm_args {
    an_at at;
    an_value x;       /* [N,C,..], C literal */
    int64_t groups;   /* of an_nn_group_norm only */
    const char *name;
    double eps;       /* 0: Keras's 1e-3; PyTorch has 1e-5 */
    double momentum;  /* of an_nn_batch_norm only: the batch's share in the running statistics, as
                       * PyTorch counts (Keras: 1 - momentum); 0: 0.1 */
    bool no_scale, no_shift;
    an_value gamma, beta;                    /* [C], instead of new ones */
    an_value running_mean, running_variance; /* likewise; frozen */
    an_start gamma_start, beta_start;
} an_channel_norm_args;
/* Each channel by the mean and the biased variance of the batch; in a program for inference by
 * running ones (from 0 and 1), which training moves by a pending update: the mean, and the variance
 * times n/(n - 1), that of the batch's n elements a channel being unbiased so, as in PyTorch. */
AN_API an_value an_nn_batch_norm_with(const an_channel_norm_args *args);
#define an_nn_batch_norm(...) \
    an_nn_batch_norm_with(&(an_channel_norm_args){.at = AN_HERE, __VA_ARGS__})
/* Each of `groups` groups of channels of each image by itself (Wu & He 2018); each channel by
 * itself (Ulyanov et al. 2016). */
AN_API an_value an_nn_group_norm_with(const an_channel_norm_args *args);
#define an_nn_group_norm(...) \
    an_nn_group_norm_with(&(an_channel_norm_args){.at = AN_HERE, __VA_ARGS__})
AN_API an_value an_nn_instance_norm_with(const an_channel_norm_args *args);
#define an_nn_instance_norm(...) \
    an_nn_instance_norm_with(&(an_channel_norm_args){.at = AN_HERE, __VA_ARGS__})
/* Weights of attention from D to H heads of W: q[D, H*W], k and v[M, G*W], out[H*W, D], and a bias
 * for each; those left out are made. */
typedef struct an_attention_weights {
    an_value q, k, v, out;
    an_value q_bias, k_bias, v_bias, out_bias;
} an_attention_weights;

typedef struct an_attention_args {
    an_at at;
    an_value x;        /* [B, T, D] */
    int64_t heads;     /* H */
    const char *name;
    int64_t key_heads; /* G, of which H is a multiple; 0: H */
    int64_t width;     /* W, of a head; 0: D / H */
    an_value memory;   /* [B, S, M], where keys and values come from; left out: x */
    bool causal;       /* query i sees the keys up to `position` + i */
    an_value lengths, mask, position; /* as an_attention's */
    double rotary;     /* base of rotary positions, 10000 in the paper; 0: none */
    bool rotary_pairs; /* as in an_rotary_args */
    bool no_bias;
    int64_t cache;     /* S of cached keys and values; 0: none */
    an_attention_weights weights;
} an_attention_args;
/* [B, T, D]: projections to heads, an_attention, and one back. With a `.cache`, keys and values of
 * x are put at `.position` of two states, "cache/k" and "cache/v" of [B,G,S,W], zeros at first and
 * left out of checkpoints (an_cache), and queries see what is there, causally: T new tokens against
 * all before. B must be literal then. New states are pending (an_updates_take_pending) with the
 * result as witness. Vaswani et al. 2017; grouped heads: Ainslie et al. 2023. */
AN_API an_value an_nn_attention_with(const an_attention_args *args);
#define an_nn_attention(...) an_nn_attention_with(&(an_attention_args){.at = AN_HERE, __VA_ARGS__})

typedef struct an_rotary_args {
    an_at at;
    an_value x;         /* [.., T, W], W even */
    an_value position;  /* [], an integer: the place of row 0; left out: 0 */
    an_value positions; /* [T], integers or floats: the places themselves, instead */
    double base;        /* 0: 10000 */
    bool pairs;         /* columns 2i and 2i+1 turn together, as in the paper and GPT-J; else i and
                         * i + W/2, as in GPT-NeoX and LLaMA: the same but for their order */
} an_rotary_args;
/* Each pair of columns turned by place * base^(-2i/W). Su et al. 2021 (RoFormer). */
AN_API an_value an_nn_rotary_with(const an_rotary_args *args);
#define an_nn_rotary(...) an_nn_rotary_with(&(an_rotary_args){.at = AN_HERE, __VA_ARGS__})
/* [T, D] for x[.., T, D], D even: sin(t / 10000^(2i/D)) in column 2i, the cosine in 2i+1; to be
 * added. `position` as above, or AN_NONE. Vaswani et al. 2017. */
AN_API an_value an_nn_sinusoidal_at(an_at at, an_value x, an_value position);
#define an_nn_sinusoidal(...) an_nn_sinusoidal_at(AN_HERE, __VA_ARGS__)
/* [queries, keys] of x's dtype, to be added to scores: 0 where query i sees key j, j <= i + keys -
 * queries, else -inf. */
AN_API an_value an_nn_causal_mask_at(an_at at, an_value x, an_dim queries, an_dim keys);
#define an_nn_causal_mask(...) an_nn_causal_mask_at(AN_HERE, __VA_ARGS__)

typedef struct an_positions_args {
    an_at at;
    an_value x;        /* [.., T, D], D literal */
    int64_t most;      /* places, rows of the table */
    const char *name;
    an_value position; /* [], an integer: the place of row 0; left out: 0 */
    an_start table_start; /* else uniform in +-0.05, as of an embedding */
    an_value table;    /* [most, D], instead of a new one */
} an_positions_args;
/* x plus a learned vector for each of its T places. A T beyond the table is an error, at the
 * definition where T is literal, else of the run. */
AN_API an_value an_nn_positions_with(const an_positions_args *args);
#define an_nn_positions(...) an_nn_positions_with(&(an_positions_args){.at = AN_HERE, __VA_ARGS__})

/* [B,..]: the mean of x[B,T,..] over its steps, in row b over the first lengths[b] (i32 or i64)
 * alone; what stands behind them, NaN too, has no share in it and no gradient. The mean of no
 * steps is 0. A length beyond T is T. AN_NONE for lengths: over all T. */
AN_API an_value an_nn_mean_over_time_at(an_at at, an_value x, an_value lengths);
#define an_nn_mean_over_time(...) an_nn_mean_over_time_at(AN_HERE, __VA_ARGS__)

typedef struct an_flatten_args {
    an_at at;
    an_value x;
    int keep; /* dims that stay; 0: 1, that of the batch */
} an_flatten_args;
/* The dims behind the first .keep joined to one: [N,C,H,W] -> [N,C*H*W]. They need not be
 * literal; where there are none the last is 1. */
AN_API an_value an_nn_flatten_with(const an_flatten_args *args);
#define an_nn_flatten(...) an_nn_flatten_with(&(an_flatten_args){.at = AN_HERE, __VA_ARGS__})

/* ======================================================================== */
/* Checkpoints: all states of a store in a file                             */
/* ======================================================================== */

/* Files are in the safetensors format, which other tools read and write: weights,
 * the optimiser's moments, its step and the key of dropout, each under its full
 * name; caches (an_cache) are left out. Checksums travel in the metadata
 * ("addnorm.crc32"): a file that was damaged is refused, one of another tool has none
 * and is taken. Messages are the store's (an_store_message); they name the path. */

/* A pair of texts that travels in the file's header. */
typedef struct an_metadata {
    const char *key, *value; /* UTF-8; keys all different */
} an_metadata;

/* Replaces the file as a whole or not at all, and needs no second copy of the
 * states. `metadata` may be NULL if there is none. */
AN_API an_status an_checkpoint_save(an_store *s, const char *path, const an_metadata *metadata,
                                    int64_t count);

typedef struct an_checkpoint_options {
    bool known_only; /* pass over tensors that the store lacks (an optimiser's, for predicting) */
    bool partial;    /* let states that the file lacks be as they are, or begin anew */
} an_checkpoint_options;

/* Gives the states the file's values; states that the store lacks are made, so it
 * may come before the first compile. The file must have every state of the store,
 * with its dtype and shape, and no tensor that nobody uses; both are listed if it is not
 * so. Before the first compile nobody knows: then an_compile lists what of its program the
 * file lacks, and refuses. All or nothing: whatever is wrong with the file, or goes
 * wrong, leaves the store as it was. */
AN_API an_status an_checkpoint_load(an_store *s, const char *path,
                                    const an_checkpoint_options *options);
/* The file's metadata value of that key, to be freed with an_string_free; NULL if
 * it has none or cannot be read. */
AN_API char *an_checkpoint_metadata(const char *path, const char *key);

/* SHA-256, in hex, of names, types and bytes of all states in order of name, but for transient
 * ones (an_cache): equal for equal states, however they were made. */
AN_API an_status an_store_sha256(an_store *s, char hex[65]);

/* ======================================================================== */
/* Training                                                                 */
/* ======================================================================== */

/* Arrays are named feeds whose axis 0 counts the examples; masks and lengths are
 * feeds like any other. A program for training or evaluation fetches metrics:
 * float scalars, means over a batch, the loss first. Their means over many
 * batches are weighted by the batches' rows, as in Keras; the last batch may be
 * smaller than the others. What is no mean over rows (perplexity, F1, a loss with weights or
 * ignored labels) is averaged, too, and then is not that of all examples: ops/losses.h says what
 * to fetch instead. */

/* A history and scores are read through calls and belong to the caller, who frees them.
 * NULL, which a call returns only if memory is out, reads as a failure.      */

/* What a training has done so far. */
typedef struct an_history an_history;
AN_API void an_history_free(an_history *h);

AN_API an_status an_history_status(const an_history *h);
AN_API const char *an_history_message(const an_history *h); /* "" unless the status is an error */
AN_API int64_t an_history_metrics(const an_history *h);
/* "loss", "accuracy" ...; NULL past the end. */
AN_API const char *an_history_metric(const an_history *h, int64_t i);
AN_API bool an_history_validated(const an_history *h);
/* Complete epochs, those before a resume among them; and as the last one that .steps cut short,
 * which training.json does not count, since a training of more steps goes on in it. */
AN_API int64_t an_history_epochs(const an_history *h);
/* The epoch, counted from 1, whose monitored metric was best; 0: none. */
AN_API int64_t an_history_best(const an_history *h);
/* Before the last epoch, by .patience, .on_epoch or .stop. */
AN_API bool an_history_stopped(const an_history *h);
/* Steps that .skip_not_finite left out. */
AN_API int64_t an_history_skipped(const an_history *h);

/* Of epoch i, counted from 0; NaN past the end. All of it, with validation; and its median
 * training step. */
AN_API double an_history_seconds(const an_history *h, int64_t i);
AN_API double an_history_step_ms(const an_history *h, int64_t i);
/* A metric as seen while the weights changed; and after the epoch, NaN without validation. */
AN_API double an_history_train(const an_history *h, int64_t i, int64_t metric);
AN_API double an_history_validation(const an_history *h, int64_t i, int64_t metric);

/* What .histograms of an_fit watched: "learning_rate", "gradient_norm/dense/kernel",
 * "update_ratio/dense/kernel" ..., NULL past the end; and the i-th of it in an epoch, counted from
 * 0, NaN where nobody looked. */
AN_API int64_t an_history_watched(const an_history *h);
AN_API const char *an_history_watched_name(const an_history *h, int64_t i);
AN_API double an_history_watched_value(const an_history *h, int64_t i, int64_t epoch);

#define AN_MAX_METRICS 8 /* that a program may fetch; sizes .metric below, and no result */

typedef struct an_fit_args {
    an_at at;
    an_program *train;    /* fetches metrics, updates states */
    an_program *evaluate; /* for validation: fetches the same from the same store, .inference */
    an_feed data[AN_MAX_NAMED];
    an_feed validation[AN_MAX_NAMED]; /* arrays to validate on after each epoch ... */
    double validation_split; /* ... or the last part of `data`, as in Keras: 0.2 */
    const char *metric[AN_MAX_METRICS]; /* names; NULL: "loss", then "metric1" ... */
    int64_t epochs; /* in all, those before a resume among them; 0: 1, or those of .steps */
    int64_t batch;  /* 0: 32 */
    uint64_t seed;  /* the order of an epoch depends on (seed, epoch) alone */
    bool keep_order; /* Keras's shuffle=False */

    /* Called after each epoch; false ends the training. `so_far` lasts as long as the call. */
    bool (*on_epoch)(void *context, const an_history *so_far);
    void *context; /* also of .next */
    /* Looked at between steps: as soon as it is not 0 the training ends, with the status AN_OK.
     * For a signal handler to set, which is all that one may do; the library installs none. */
    const volatile sig_atomic_t *stop;
    FILE *progress; /* a bar on a terminal, else a line an epoch; NULL: silent */

    const char *monitor; /* "val_accuracy"; NULL: "val_loss", or "loss" without validation */
    bool monitor_smallest; /* small is good. Always so for a loss; others are best large */
    double min_delta;    /* what counts as better is better by more than this */
    int64_t patience;    /* ends after so many epochs that were not better; 0: never */
    bool restore_best;   /* at the end, also after an error, all states become what they were
                            after the best epoch; the first is the best so far whatever it is */
    bool skip_not_finite; /* go on behind a step that is not finite, and count it */

    const char *directory; /* where checkpoints go after each epoch; made if it is not there */
    bool resume; /* go on from the last of them, if there is one; else they are removed first */
    const an_metadata *arguments; /* kept in training.json and in the checkpoints */
    int64_t argument_count;

    int64_t steps; /* in all, those before a resume and those left out among them; the training ends
                      behind them, be it within an epoch. 0: those of .epochs */
    /* In place of rows of arrays: before step `step`, counted from 0 over the whole training, it
     * fills the tensors that .data names, whose extents may be new each time; false if it cannot,
     * which ends the training with an error. For a resume what it gives must follow from `step`
     * alone: the first it is asked for is the one behind the last that was kept. */
    bool (*next)(void *context, int64_t step);
    int64_t epoch_steps; /* of .next, after which validation and checkpoints come; 0: all of them */
    const char *events; /* a directory for TensorBoard, made if it is not there, as its parents are:
                           metrics, times and the graph; NULL: none */
    int64_t histograms; /* every so many epochs also weights and gradients; 0: never */
} an_fit_args;

/* Trains. A step whose metrics or gradients are not all finite commits nothing (an_run's
 * .finite) and ends the training with an error that names the first parameter, feed or node
 * that was not; the weights are those from before it.
 *
 * The directory holds model.safetensors (after the last epoch), best.safetensors
 * (after the best one) and training.json (for people and plots). Whenever the
 * process dies, a later call with .resume goes on from the last whole epoch, and
 * ends with the bits of a training that was never interrupted; stopped by .stop, it
 * goes on from the last step, and so it does behind .steps. All that its bits follow from
 * must then be the same: the graph, the optimizer, the arrays, `seed`, `batch` and how they
 * are ordered and held out; if not, the message names what has changed. One training at a time may
 * use a directory; a tokenizer and the like can be kept beside these files.
 *
 * .events gets a file a call (an_events_open), the steps of which are epochs: "loss/train" and
 * "loss/validation" for each metric, "time/epoch" in seconds and "time/step" in milliseconds; and
 * with .histograms, of the epoch's last step, for each parameter p that the table changes,
 * histograms "weights/p" behind it and "gradients/p" in it, as an_updates_gradient gives them, and
 * "gradient_norm/p" (L2), "update_ratio/p", the norm of its change by that of what it was, and
 * "learning_rate", which is "learning_rate/p" for p and those behind it where groups have others.
 * Norms, ratios and rates are the history's, too (an_history_watched), and no metric may have such
 * a name. For that such a step is computed twice, and its weights copied; the bits of the training
 * are the same. Parameters whose new value is no optimizer's step have no gradients and rates. */
AN_API an_history *an_fit_with(const an_fit_args *args);
#define an_fit(...) an_fit_with(&(an_fit_args){.at = AN_HERE, __VA_ARGS__})

typedef struct an_evaluate_args {
    an_at at;
    an_program *program;
    an_feed data[AN_MAX_NAMED];
    int64_t batch; /* 0: 32 */
} an_evaluate_args;

/* What an evaluation found. */
typedef struct an_scores an_scores;
AN_API void an_scores_free(an_scores *s);

AN_API an_status an_scores_status(const an_scores *s);
AN_API const char *an_scores_message(const an_scores *s); /* "" unless the status is an error */
AN_API int64_t an_scores_count(const an_scores *s);
/* The i-th metric, in the order of the program's fetches; NaN past the end. */
AN_API double an_scores_value(const an_scores *s, int64_t i);
AN_API int64_t an_scores_examples(const an_scores *s);
AN_API double an_scores_seconds(const an_scores *s);

AN_API an_scores *an_evaluate_with(const an_evaluate_args *args);
#define an_evaluate(...) an_evaluate_with(&(an_evaluate_args){.at = AN_HERE, __VA_ARGS__})

typedef struct an_predict_args {
    an_at at;
    an_program *program;
    an_feed data[AN_MAX_NAMED];
    an_tensor *out[AN_MAX_NAMED]; /* in the order of .fetch; a row an example */
    int64_t batch;                /* 0: 32 */
} an_predict_args;

/* Runs all examples, a batch at a time. Messages are the program's. */
AN_API an_status an_predict_with(const an_predict_args *args);
#define an_predict(...) an_predict_with(&(an_predict_args){.at = AN_HERE, __VA_ARGS__})

/* The history of a directory that an_fit wrote. */
AN_API an_history *an_history_load(const char *directory);

/* For other tools, a row or a line an epoch: epoch, seconds, step_ms, metrics, and with validation
 * val_ of each; then what was watched. CSV (RFC 4180) with a head; or an object of JSON, where NaN
 * is null and infinities are "inf" and "-inf". To be freed with an_string_free. NULL if memory is
 * out or `h` is NULL; as JSON also if a metric's name is no UTF-8. */
AN_API char *an_history_csv(const an_history *h);
AN_API char *an_history_jsonl(const an_history *h);

/* The curves of a training as one SVG, a panel a metric, with the best epoch
 * marked, and one each for rates, gradients' norms and updates' ratios, if they
 * were watched: text to be freed with an_string_free, or a file that is replaced as
 * a whole. NULL `title`: "Training". Equal histories give equal bytes. NULL or
 * AN_E_ARGUMENT for a history without metrics. */
AN_API char *an_plot_history(const an_history *h, const char *title);
AN_API an_status an_plot_history_file(const char *path, const an_history *h, const char *title);

/* ---- graphs for programs (inspect/) -------------------------------------- */

/* The graph as JSON; an_string_free. An object: graph, its name; nodes, in order, each with node
 * (its number here), ordinal (what messages and passes call it), op, name, scope, phase, attributes
 * (as in .an text), inputs [{name value}], outputs [{name type dtype shape bytes}], flops, file,
 * line, from {how of}: which pass made it of which ordinals; inputs, states and outputs [{name
 * value}]; updates [{table state value witness}], table null if pending; fused, numbers of nodes.
 * A value is "5", or "12.1" for output 1 of node 12; null where an operand is absent. Extents are
 * numbers or dims ("T"); bytes and flops are null unless `bind` ("B=32,T=100"; NULL: nothing) says
 * what every dim is. NULL for NULL or if memory is out. */
AN_API char *an_graph_json(const an_graph *g, const char *bind);

/* ---- a page to look at (page/) ------------------------------------------- */

typedef struct an_page_args {
    an_at at;
    const an_graph *graph;
    const char *path;   /* an_page_file: where to */
    const char *title;  /* NULL: the graph's name */
    const char *bind;   /* "B=32,T=100", for bytes and FLOPs; dims that it does not name are 32 */
    const char *passes; /* shown step by step; NULL: the default pipeline; "": none */
    an_profile *profile;                /* of the program whose graph this is, or NULL */
    const an_memory_map *memory;        /* the same */
    const an_equivalence *equivalence;  /* instead of .graph: both graphs, and the report */
    char *message;      /* where it is said what went wrong; NULL: nowhere */
    int64_t message_size;
} an_page_args;
/* One HTML file that needs no network: pictures of the graph - whole, by depth, by phase, scope by
 * scope, behind each pass - to pan, zoom, search and click in, and what is known of each node.
 * Graphviz lays it out. Equal arguments give equal bytes, but for times. Written as a whole or not
 * at all; statuses are those of an_dot_file. The number of pictures is bounded, the page says which
 * are not there. */
AN_API an_status an_page_file_with(const an_page_args *args);
#define an_page_file(...) an_page_file_with(&(an_page_args){.at = AN_HERE, __VA_ARGS__})

/* ---- profiles for programs (inspect/) ------------------------------------ */

/* All figures of a profile: runs, seconds, threads, peaks, and rows by op, scope, phase, wave and
 * node (see profile.h; `of_peak` is a row's roof). NULL if memory is out; an_string_free. */
AN_API char *an_profile_json(an_profile *f);
/* Its last complete run in the trace format of Chrome, which Perfetto (ui.perfetto.dev) and
 * chrome://tracing open: a lane a thread, an event for each stage of each kernel. */
AN_API char *an_profile_trace(an_profile *f);

/* ---- memory for programs (inspect/) -------------------------------------- */

/* The facts of a map, its scopes and boxes (see memory_map.h, whose words the keys are). NULL for
 * NULL or if memory is out; an_string_free. */
AN_API char *an_memory_map_json(const an_memory_map *m);

/* ---- what TensorBoard shows (inspect/) ----------------------------------- */

/* A new file of events in the directory, which is made if it is not there, as its parents are: for
 * `tensorboard --logdir`. Each call below adds a whole record, there for readers at once. After a
 * failure nothing is added, and every call gives its status. NULL if memory is out, which every
 * call takes and tells. Steps are the caller's to count. Bytes of names that are no UTF-8 become
 * U+FFFD. */
typedef struct an_events an_events;
AN_API an_events *an_events_open(const char *directory);
AN_API an_status an_events_status(const an_events *e);
AN_API const char *an_events_message(const an_events *e); /* "" unless the status is an error */
AN_API const char *an_events_path(const an_events *e);    /* of the file; NULL: there is none */
/* Tags with slashes stand together by what is before the first. */
AN_API an_status an_events_scalar(an_events *e, const char *tag, int64_t step, double value);
/* How many elements are how large; infinities and NaN are not among them. */
AN_API an_status an_events_histogram(an_events *e, const char *tag, int64_t step,
                                     const an_tensor *values);
/* For the tab "Graphs", coloured by phase (as devices). One a file. */
AN_API an_status an_events_graph(an_events *e, const an_graph *g);
AN_API void an_events_close(an_events *e); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
