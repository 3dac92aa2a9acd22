/* Attributes of operators on pictures and sounds, for those who make such nodes. */
#ifndef IR_SIGNAL_H
#define IR_SIGNAL_H

#include "ir/attr.h"

typedef enum ResizeMode { RESIZE_NEAREST, RESIZE_LINEAR, RESIZE_CUBIC } ResizeMode;
typedef enum ResizeCoordinates {
    RESIZE_HALF_PIXEL,
    RESIZE_SYMMETRIC, /* half_pixel around the middle, where the size was rounded */
    RESIZE_PYTORCH,   /* half_pixel; a single element is the first */
    RESIZE_ALIGN_CORNERS,
    RESIZE_ASYMMETRIC,
    RESIZE_CROP
} ResizeCoordinates;
typedef enum ResizeRound { RESIZE_PREFER_FLOOR, RESIZE_PREFER_CEIL, RESIZE_FLOOR, RESIZE_CEIL } ResizeRound;

typedef struct ResizeAttrs {
    IntList size, axes;
    RealList scale, region; /* region: begins, then ends */
    int mode, coordinates, round;
    bool antialias, exclude_outside;
    double cubic, outside;
} ResizeAttrs;

/* What is read outside of an operand: zeros, the nearest element, or it mirrored there and back, at its first and last
 * elements (reflect) or at their outer edges (symmetric). */
typedef enum SampleOutside { SAMPLE_ZEROS, SAMPLE_EDGE, SAMPLE_REFLECT, SAMPLE_SYMMETRIC } SampleOutside;

typedef struct SampleAttrs {
    int mode, outside; /* a ResizeMode, a SampleOutside */
} SampleAttrs;

typedef struct GridSampleAttrs {
    int mode, outside; /* a ResizeMode; 0 zeros, 1 edge, 2 mirror */
    bool align_corners;
} GridSampleAttrs;

typedef struct AffineGridAttrs {
    IntList size;
    bool align_corners;
} AffineGridAttrs;

typedef struct RoiAlignAttrs {
    IntList size;
    int64_t samples;
    double scale;
    bool half_pixel, most; /* most: the greatest of all weighed taps */
} RoiAlignAttrs;

typedef struct CropAttrs {
    IntList size, begin;
} CropAttrs;

typedef struct LetterboxAttrs {
    IntList size;
    double value;
    int mode; /* a ResizeMode */
    bool antialias;
} LetterboxAttrs;

typedef struct NormaliseAttrs {
    RealList mean, std;
} NormaliseAttrs;

typedef struct ReverseAttrs {
    IntList axes;
} ReverseAttrs;

typedef struct FramesAttrs {
    int64_t size, hop;
} FramesAttrs;

typedef enum WindowShape { WINDOW_HANN, WINDOW_HAMMING, WINDOW_BLACKMAN } WindowShape;

typedef struct WindowOpAttrs {
    int64_t size;
    int shape; /* a WindowShape */
    bool periodic;
    int to; /* a Dtype */
} WindowOpAttrs;

typedef struct DftAttrs {
    int64_t size;
    bool complex, onesided, inverse;
} DftAttrs;

typedef struct SpectrumAttrs {
    int64_t size;
    bool power;
} SpectrumAttrs;

typedef struct MelAttrs {
    int64_t bands;
    double rate, low, high;
} MelAttrs;

typedef struct DctAttrs {
    int64_t out;
} DctAttrs;

#endif
