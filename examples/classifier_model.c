/* classifier_model.c -- the article's network, repaired, from words or from what they are embedded
 * as: classifier.c trains it, interpret.c asks it why.
 *
 *   embedding -> BiLSTM(64) -> dropout -> BiLSTM(32) -> dropout = h
 *   layer_norm(h + LSTM(64)(h)) -> mean over time -> dense                    */
#include "examples/classifier.h"

/* Steps of each row that hold a word: padding is 0 and stands behind. */
static an_value row_lengths(an_value ids)
{
    const an_value words = an_compare(ids, AN_NE, an_number(ids, 0));
    return an_cast(an_sum(an_cast(words, AN_F32), 1), AN_I32);
}

an_value classify_embedded(an_value h, an_value lengths, int64_t classes)
{
    h = an_dropout(an_nn_bilstm(h, .units = 64, .lengths = lengths), 0.2f);
    h = an_dropout(an_nn_bilstm(h, .units = 32, .lengths = lengths), 0.2f);
    h = an_nn_layer_norm(an_residual_add(h, an_nn_lstm(h, .units = 64, .lengths = lengths)));
    return an_nn_dense(an_nn_mean_over_time(h, lengths), .units = classes == 2 ? 1 : classes);
}

an_value embed_words(an_value ids, int64_t vocabulary)
{
    return an_nn_embedding(ids, .vocab = vocabulary, .units = 50);
}

an_value classifier(an_value ids, bool mask, int64_t vocabulary, int64_t classes)
{
    const an_value lengths = mask ? row_lengths(ids) : AN_NONE;
    return classify_embedded(embed_words(ids, vocabulary), lengths, classes);
}
