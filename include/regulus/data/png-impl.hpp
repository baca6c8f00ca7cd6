#pragma once
// PNG through libpng, with the same manners as jpeg-impl.hpp: no object with a destructor lives in a function that calls setjmp.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <regulus/data/exif.hpp>
#include <regulus/data/image.hpp>
#include <regulus/data/picture_limits.hpp>
#include <regulus/data/segment_map.hpp>

#if __has_include(<png.h>)
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <new>

#include <png.h>

namespace regulus::data_detail {

/// What libpng's callbacks see: the way back with a sentence, and the bytes to read.
struct PngState {
    std::jmp_buf back;
    char message[200] = "out of memory";
    std::span<const std::uint8_t> input;
};

[[noreturn]] inline void png_fail(png_structp png, png_const_charp message) {
    auto* state = static_cast<PngState*>(png_get_error_ptr(png));
    std::snprintf(state->message, sizeof state->message, "%s", message);
    std::longjmp(state->back, 1);
}

inline void png_ignore(png_structp, png_const_charp) {}

inline void png_take(png_structp png, png_bytep dst, std::size_t count) {
    auto* state = static_cast<PngState*>(png_get_io_ptr(png));
    if (count > state->input.size()) png_error(png, "it ends too early");
    std::memcpy(dst, state->input.data(), count);
    state->input = state->input.subspan(count);
}

/// A reader with its state in between. The steps return false after an error, whose sentence is in message().
class PngDecoder {
public:
    explicit PngDecoder(std::span<const std::uint8_t> bytes) {
        state_.input = bytes;
        png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state_, png_fail, png_ignore);
        if (png_ != nullptr) info_ = png_create_info_struct(png_);
        if (info_ == nullptr) {
            png_destroy_read_struct(&png_, nullptr, nullptr);
            throw std::bad_alloc();
        }
        png_set_read_fn(png_, &state_, png_take);
        png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // our own limits come next
    }
    PngDecoder(const PngDecoder&) = delete;
    PngDecoder& operator=(const PngDecoder&) = delete;
    ~PngDecoder() { png_destroy_read_struct(&png_, &info_, nullptr); }

    const char* message() const noexcept { return state_.message; }
    std::int64_t height() const noexcept { return png_get_image_height(png_, info_); }
    std::int64_t width() const noexcept { return png_get_image_width(png_, info_); }
    /// Bytes of a row as stored, before it becomes RGB.
    std::int64_t stored_row() const noexcept { return stored_row_; }
    bool interlaced() const noexcept { return png_get_interlace_type(png_, info_) != PNG_INTERLACE_NONE; }

    bool read_header() {
        if (setjmp(state_.back) != 0) return false;
        png_read_info(png_, info_);
        stored_row_ = std::int64_t(png_get_rowbytes(png_, info_));
        return true;
    }

    /// Asks for 8-bit RGB: high bytes of 16-bit samples, palettes and grey expanded, alpha dropped, no gamma.
    bool start() {
        if (setjmp(state_.back) != 0) return false;
        const int colour = png_get_color_type(png_, info_);
        png_set_strip_16(png_);
        if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png_);
        if (colour == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png_);
        if ((colour & PNG_COLOR_MASK_COLOR) == 0) png_set_gray_to_rgb(png_);
        png_set_strip_alpha(png_);
        passes_ = png_set_interlace_handling(png_);
        png_read_update_info(png_, info_);
        if (std::int64_t(png_get_rowbytes(png_, info_)) != 3 * width()) png_error(png_, "its rows do not become RGB");
        return true;
    }

    bool grey() const noexcept { return png_get_color_type(png_, info_) == PNG_COLOR_TYPE_GRAY; }
    int bits() const noexcept { return png_get_bit_depth(png_, info_); }

    /// Asks for grey values as stored: a byte a pixel, or two, the high one first.
    bool start_grey() {
        if (setjmp(state_.back) != 0) return false;
        png_set_packing(png_);
        passes_ = png_set_interlace_handling(png_);
        png_read_update_info(png_, info_);
        if (std::int64_t(png_get_rowbytes(png_, info_)) != (bits() == 16 ? 2 : 1) * width()) png_error(png_, "its rows do not become grey values");
        return true;
    }

    int passes() const noexcept { return passes_; }

    bool read_row(std::uint8_t* row) {
        if (setjmp(state_.back) != 0) return false;
        png_read_row(png_, row, nullptr);
        return true;
    }

    bool finish() {
        if (setjmp(state_.back) != 0) return false;
        png_read_end(png_, info_);
        return true;
    }

    /// After finish(): the chunk may stand behind the pixels.
    int orientation() noexcept {
#if defined(PNG_eXIf_SUPPORTED)
        png_bytep exif = nullptr;
        png_uint_32 count = 0;
        if (png_get_eXIf_1(png_, info_, &count, &exif) != 0 && exif != nullptr) return exif_orientation({exif, count});
#endif
        return 1;
    }

private:
    PngState state_;
    png_structp png_ = nullptr;
    png_infop info_ = nullptr;
    std::int64_t stored_row_ = 0;
    int passes_ = 1;
};

inline Image decode_png(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits, int& orientation) {
    PngDecoder decoder(bytes);
    const auto fail = [&] { throw FileError("read_image: \"" + name + "\" is a broken or cut off PNG file: " + decoder.message()); };
    if (!decoder.read_header()) fail();
    const std::int64_t height = decoder.height(), width = decoder.width();
    check_limits(height, width, name, limits);
    // Deflate packs at most 1032 bytes into one: a small file cannot make us take much memory.
    if (decoder.stored_row() * height > 65536 + 1032 * std::int64_t(bytes.size())) {
        throw FileError("read_image: \"" + name + "\" is a broken or cut off PNG file: " + std::to_string(bytes.size()) + " bytes cannot hold " +
                        std::to_string(height) + " x " + std::to_string(width) + " pixels");
    }
    if (!decoder.start()) fail();
    Image image;
    image.height = height;
    image.width = width;
    image.pixels.reserve(std::size_t(height * width) * 3);
    if (decoder.interlaced()) image.pixels.resize(std::size_t(height * width) * 3);
    for (int pass = 0; pass < decoder.passes(); ++pass) {
        for (std::int64_t y = 0; y < height; ++y) {
            if (!decoder.interlaced()) image.pixels.resize(std::size_t((y + 1) * width) * 3);
            if (!decoder.read_row(image.row(y))) fail();
        }
    }
    if (!decoder.finish()) fail();
    orientation = decoder.orientation();
    return image;
}

/// Grey values as ids.
inline SegmentMap decode_grey_png(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits) {
    PngDecoder decoder(bytes);
    const std::string who = "read_label_map: \"" + name + "\" ";
    const auto fail = [&] { throw FileError(who + "is a broken or cut off PNG file: " + decoder.message()); };
    if (!decoder.read_header()) fail();
    if (!decoder.grey()) throw FileError(who + "has colours or alpha; labels are a grey PNG file");
    const std::int64_t height = decoder.height(), width = decoder.width();
    check_limits(height, width, name, limits);
    if (decoder.stored_row() * height > 65536 + 1032 * std::int64_t(bytes.size())) {
        throw FileError(who + "is a broken or cut off PNG file: " + std::to_string(bytes.size()) + " bytes cannot hold " + std::to_string(height) + " x " +
                        std::to_string(width) + " pixels");
    }
    if (!decoder.start_grey()) fail();
    const bool wide = decoder.bits() == 16;
    const std::size_t row = std::size_t(width) * (wide ? 2 : 1);
    std::vector<std::uint8_t> samples(row * std::size_t(height));
    for (int pass = 0; pass < decoder.passes(); ++pass) {
        for (std::int64_t y = 0; y < height; ++y) {
            if (!decoder.read_row(samples.data() + std::size_t(y) * row)) fail();
        }
    }
    if (!decoder.finish()) fail();
    SegmentMap map{height, width, {}};
    map.ids.resize(std::size_t(height * width));
    for (std::size_t i = 0; i < map.ids.size(); ++i) map.ids[i] = wide ? std::uint32_t(samples[2 * i]) << 8 | samples[2 * i + 1] : samples[i];
    return map;
}

inline void png_keep(png_structp png, png_bytep src, std::size_t count) {
    // An exception must not cross libpng: a failed allocation becomes libpng's own error.
    auto* output = static_cast<std::vector<std::uint8_t>*>(png_get_io_ptr(png));
    bool kept = true;
    try {
        output->insert(output->end(), src, src + count);
    } catch (...) {
        kept = false;
    }
    if (!kept) png_error(png, "out of memory");
}

inline void png_flush_nothing(png_structp) {}

class PngEncoder {
public:
    explicit PngEncoder(std::vector<std::uint8_t>& output) {
        png_ = png_create_write_struct(PNG_LIBPNG_VER_STRING, &state_, png_fail, png_ignore);
        if (png_ != nullptr) info_ = png_create_info_struct(png_);
        if (info_ == nullptr) {
            png_destroy_write_struct(&png_, nullptr);
            throw std::bad_alloc();
        }
        png_set_write_fn(png_, &output, png_keep, png_flush_nothing);
        png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    }
    PngEncoder(const PngEncoder&) = delete;
    PngEncoder& operator=(const PngEncoder&) = delete;
    ~PngEncoder() { png_destroy_write_struct(&png_, &info_); }

    const char* message() const noexcept { return state_.message; }

    /// Samples of 8 or 16 bits: three a pixel, or one where `colour` is PNG_COLOR_TYPE_GRAY.
    bool encode(const std::uint8_t* pixels, std::int64_t height, std::int64_t width, int colour = PNG_COLOR_TYPE_RGB, int bits = 8) {
        if (setjmp(state_.back) != 0) return false;
        const std::int64_t row = width * (colour == PNG_COLOR_TYPE_RGB ? 3 : 1) * (bits / 8);
        png_set_IHDR(png_, info_, png_uint_32(width), png_uint_32(height), bits, colour, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
        png_set_compression_level(png_, 3);  // a third of the time of zlib's default for 7 % more bytes (an annotated 960 x 720 picture)
        png_write_info(png_, info_);
        for (std::int64_t y = 0; y < height; ++y) png_write_row(png_, pixels + y * row);
        png_write_end(png_, info_);
        return true;
    }

private:
    PngState state_;
    png_structp png_ = nullptr;
    png_infop info_ = nullptr;
};

inline std::vector<std::uint8_t> encode_png(const Image& image) {
    std::vector<std::uint8_t> output;
    PngEncoder encoder(output);
    if (!encoder.encode(image.pixels.data(), image.height, image.width)) {
        throw FileError(std::string("encode_png: libpng says: ") + encoder.message());
    }
    return output;
}

/// A byte a pixel, or two, the high one first.
inline std::vector<std::uint8_t> encode_grey_png(std::span<const std::uint8_t> samples, std::int64_t height, std::int64_t width, bool wide) {
    std::vector<std::uint8_t> output;
    PngEncoder encoder(output);
    if (!encoder.encode(samples.data(), height, width, PNG_COLOR_TYPE_GRAY, wide ? 16 : 8)) {
        throw FileError(std::string("encode_label_map: libpng says: ") + encoder.message());
    }
    return output;
}

}  // namespace regulus::data_detail

#else

namespace regulus::data_detail {

inline Image decode_png(std::span<const std::uint8_t>, const std::string& name, const PictureLimits&, int&) {
    throw FileError("read_image: \"" + name + "\" is a PNG file, and this build lacks libpng (Debian: libpng-dev)");
}

inline std::vector<std::uint8_t> encode_png(const Image&) { throw FileError("encode_png: this build lacks libpng (Debian: libpng-dev)"); }

inline SegmentMap decode_grey_png(std::span<const std::uint8_t>, const std::string& name, const PictureLimits&) {
    throw FileError("read_label_map: \"" + name + "\" is a PNG file, and this build lacks libpng (Debian: libpng-dev)");
}

inline std::vector<std::uint8_t> encode_grey_png(std::span<const std::uint8_t>, std::int64_t, std::int64_t, bool) {
    throw FileError("encode_label_map: this build lacks libpng (Debian: libpng-dev)");
}

}  // namespace regulus::data_detail

#endif
