/* images_picture.c -- a PNG or JPEG file as an image of the size that is asked for.
 *
 * libpng and libjpeg are used where meson found them; IMAGES_PNG and IMAGES_JPEG say so. */
#include "examples/images.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* As a file has it: red, green and blue by turns, row by row. */
typedef struct picture {
    int64_t height, width;
    unsigned char *rgb;
} picture;

static bool refuse(const char *path, const char *why)
{
    fprintf(stderr, "images: %s: %s\n", path, why);
    return false;
}

#if defined(IMAGES_PNG) || defined(IMAGES_JPEG)
/* Room for the pixels, of pictures that a net of small images may be made of. */
static bool make_room(picture *p, const char *path)
{
    if (p->height > 1 << 14 || p->width > 1 << 14) return refuse(path, "an edge is above 2^14");
    p->rgb = malloc((size_t)(3 * p->height * p->width));
    return p->rgb || refuse(path, "there is no memory for it");
}
#endif

/* ---- formats ---------------------------------------------------------------- */

#ifdef IMAGES_PNG
#include <png.h>

static bool read_png(const char *path, picture *p)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    const png_color black = {0, 0, 0}; /* behind what is transparent */
    bool good = png_image_begin_read_from_file(&image, path) != 0;
    image.format = PNG_FORMAT_RGB;
    p->height = image.height;
    p->width = image.width;
    if (good && !make_room(p, path)) return png_image_free(&image), false;
    good = good && png_image_finish_read(&image, &black, p->rgb, 0, NULL) &&
           image.warning_or_error < PNG_IMAGE_ERROR;
    if (!good) refuse(path, image.message);
    png_image_free(&image);
    return good;
}
#else
static bool read_png(const char *path, picture *p)
{
    (void)p;
    return refuse(path, "this program was built without libpng");
}
#endif

#ifdef IMAGES_JPEG
#include <jpeglib.h>
#include <setjmp.h>

/* libjpeg ends the process on a mistake unless it is led elsewhere. */
typedef struct jpeg_reader {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr error;
    jmp_buf away;
} jpeg_reader;

static void leave(j_common_ptr info) { longjmp(((jpeg_reader *)info->client_data)->away, 1); }
static void stay_silent(j_common_ptr info) { (void)info; }

static void read_rows(jpeg_reader *r, picture *p)
{
    while (r->info.output_scanline < r->info.output_height) {
        JSAMPROW row = p->rgb + 3 * p->width * (int64_t)r->info.output_scanline;
        jpeg_read_scanlines(&r->info, &row, 1);
    }
    jpeg_finish_decompress(&r->info);
}

/* What it finds goes to *p, so that nothing is lost by the jump. */
static bool decode_jpeg(jpeg_reader *r, FILE *f, const char *path, picture *p)
{
    char why[JMSG_LENGTH_MAX] = "";
    r->info.err = jpeg_std_error(&r->error);
    r->info.client_data = r;
    r->error.error_exit = leave;
    r->error.output_message = stay_silent;
    if (setjmp(r->away)) {
        r->error.format_message((j_common_ptr)&r->info, why);
        return refuse(path, why);
    }
    jpeg_create_decompress(&r->info);
    jpeg_stdio_src(&r->info, f);
    jpeg_read_header(&r->info, TRUE);
    r->info.out_color_space = JCS_RGB;
    jpeg_start_decompress(&r->info);
    p->height = r->info.output_height;
    p->width = r->info.output_width;
    if (!make_room(p, path)) return false;
    read_rows(r, p);
    /* A file that was cut off is filled up with grey, and a warning. */
    return r->error.num_warnings == 0 || refuse(path, "it is damaged or cut off");
}

static bool read_jpeg(const char *path, picture *p)
{
    jpeg_reader r = {0};
    FILE *f = fopen(path, "rb");
    if (!f) return refuse(path, strerror(errno));
    const bool good = decode_jpeg(&r, f, path, p);
    jpeg_destroy_decompress(&r.info);
    fclose(f);
    return good;
}
#else
static bool read_jpeg(const char *path, picture *p)
{
    (void)p;
    return refuse(path, "this program was built without libjpeg");
}
#endif

const char *picture_formats(void)
{
#if defined(IMAGES_PNG) && defined(IMAGES_JPEG)
    return "a folder of PNG and JPEG folders, one a class";
#elif defined(IMAGES_PNG)
    return "a folder of PNG folders, one a class (JPEG: built without libjpeg)";
#elif defined(IMAGES_JPEG)
    return "a folder of JPEG folders, one a class (PNG: built without libpng)";
#else
    return "not in this build: it has neither libpng nor libjpeg";
#endif
}

/* ---- one size ---------------------------------------------------------------- */

/* The middle square, each of edge x edge pixels the mean of those it covers. */
static void shrink(const picture *p, int64_t edge, float *x)
{
    const int64_t square = p->height < p->width ? p->height : p->width;
    const int64_t top = (p->height - square) / 2, left = (p->width - square) / 2;
    for (int64_t i = 0; i < 3 * edge * edge; i++) {
        const int64_t channel = i / (edge * edge), row = i / edge % edge, column = i % edge;
        const int64_t y = row * square / edge, x0 = column * square / edge;
        int64_t y_end = (row + 1) * square / edge, x_end = (column + 1) * square / edge, sum = 0;
        if (y_end == y) y_end++; /* the picture is smaller than the image */
        if (x_end == x0) x_end++;
        for (int64_t v = y; v < y_end; v++)
            for (int64_t u = x0; u < x_end; u++)
                sum += p->rgb[3 * ((top + v) * p->width + left + u) + channel];
        x[i] = (float)sum / (255.0f * (float)((y_end - y) * (x_end - x0)));
    }
}

/* ---- by name ------------------------------------------------------------------ */

static bool ends_in(const char *name, const char *end)
{
    const size_t length = strlen(name), tail = strlen(end);
    return length > tail && strcasecmp(name + length - tail, end) == 0;
}

static bool is_png(const char *name) { return ends_in(name, ".png"); }

bool picture_named(const char *name)
{
    return name[0] != '.' && (is_png(name) || ends_in(name, ".jpg") || ends_in(name, ".jpeg"));
}

bool picture_read(const char *path, int64_t edge, float *x)
{
    picture p = {0};
    const bool good = is_png(path) ? read_png(path, &p) : read_jpeg(path, &p);
    if (good) shrink(&p, edge, x);
    free(p.rgb);
    return good;
}
