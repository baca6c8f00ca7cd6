#pragma once
// JPEG through libjpeg-turbo. The library reports errors by longjmp: every function that calls setjmp here holds plain values only, so
// that no destructor is ever jumped over; memory is owned by the callers of these functions.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <regulus/data/exif.hpp>
#include <regulus/data/image.hpp>
#include <regulus/data/picture_limits.hpp>

#if __has_include(<jpeglib.h>)
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <jpeglib.h>

#include <jerror.h>

namespace regulus::data_detail {

/// libjpeg's error manager with the way back. The base comes first: libjpeg hands out pointers to it.
struct JpegErrors {
    jpeg_error_mgr base;
    std::jmp_buf back;
    char message[JMSG_LENGTH_MAX];
    bool needs_end_mark;  ///< true until the header has shown one scan in Huffman coding
};

[[noreturn]] inline void jpeg_fail(j_common_ptr info) {
    auto* errors = reinterpret_cast<JpegErrors*>(info->err);
    (*info->err->format_message)(info, errors->message);
    std::longjmp(errors->back, 1);
}

/// Level -1 is a warning. Those that mean missing or wrong pixels are errors to us; stray bytes between segments and the like are not.
/// A missing end mark alone is harmless in a file of one scan: its decoder complains by itself when pixels are missing.
inline void jpeg_message(j_common_ptr info, int level) {
    if (level >= 0) return;
    switch (info->err->msg_code) {
        case JWRN_HIT_MARKER: case JWRN_HUFF_BAD_CODE: case JWRN_ARITH_BAD_CODE: case JWRN_MUST_RESYNC: jpeg_fail(info);
        case JWRN_JPEG_EOF:
            if (reinterpret_cast<JpegErrors*>(info->err)->needs_end_mark) jpeg_fail(info);
            break;
        default: break;
    }
    ++info->err->num_warnings;
}

/// Each scan of a progressive file costs a pass over the whole picture, however short it is.
inline void jpeg_progress(j_common_ptr info) {
    constexpr int max_scans = 256;
    if (!info->is_decompressor || reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= max_scans) return;
    auto* errors = reinterpret_cast<JpegErrors*>(info->err);
    std::snprintf(errors->message, sizeof errors->message, "more than %d scans", max_scans);
    std::longjmp(errors->back, 1);
}

inline void prepare_errors(JpegErrors& errors) {
    jpeg_std_error(&errors.base);
    errors.base.error_exit = jpeg_fail;
    errors.base.emit_message = jpeg_message;
    errors.message[0] = '\0';
    errors.needs_end_mark = true;
}

/// A decompressor with its state in between. The steps return false after an error, whose sentence is in message().
class JpegDecoder {
public:
    explicit JpegDecoder(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
        prepare_errors(errors_);
        std::memset(&info_, 0, sizeof info_);
        info_.err = &errors_.base;
        progress_ = {};
        progress_.progress_monitor = jpeg_progress;
    }
    JpegDecoder(const JpegDecoder&) = delete;
    JpegDecoder& operator=(const JpegDecoder&) = delete;
    ~JpegDecoder() { jpeg_destroy_decompress(&info_); }

    const char* message() const noexcept { return errors_.message; }
    const jpeg_decompress_struct& info() const noexcept { return info_; }
    bool is_cmyk() const noexcept { return info_.num_components == 4; }

    bool read_header() {
        if (setjmp(errors_.back) != 0) return false;
        jpeg_create_decompress(&info_);
        info_.progress = &progress_;
        jpeg_mem_src(&info_, bytes_.data(), static_cast<unsigned long>(bytes_.size()));
        jpeg_save_markers(&info_, JPEG_APP0 + 1, 0xFFFF);
        jpeg_read_header(&info_, TRUE);
        errors_.needs_end_mark = info_.arith_code || jpeg_has_multiple_scans(&info_);  // the arithmetic decoder reads zeros behind the end
        info_.out_color_space = is_cmyk() ? JCS_CMYK : JCS_RGB;
        jpeg_calc_output_dimensions(&info_);
        return true;
    }

    bool start() {
        if (setjmp(errors_.back) != 0) return false;
        jpeg_start_decompress(&info_);
        return true;
    }

    bool read_row(std::uint8_t* row) {
        if (setjmp(errors_.back) != 0) return false;
        JSAMPROW rows[1] = {row};
        jpeg_read_scanlines(&info_, rows, 1);
        return true;
    }

    bool finish() {
        if (setjmp(errors_.back) != 0) return false;
        jpeg_finish_decompress(&info_);
        return true;
    }

    /// The orientation in the first APP1 segment with EXIF.
    int orientation() const noexcept {
        for (const jpeg_marker_struct* marker = info_.marker_list; marker != nullptr; marker = marker->next) {
            if (marker->marker != JPEG_APP0 + 1 || marker->data_length < 6 || std::memcmp(marker->data, "Exif\0\0", 6) != 0) continue;
            return exif_orientation({marker->data + 6, marker->data_length - 6u});
        }
        return 1;
    }

private:
    std::span<const std::uint8_t> bytes_;
    JpegErrors errors_;
    jpeg_progress_mgr progress_;
    jpeg_decompress_struct info_;
};

/// CMYK as Adobe writes it (255 is no ink) to RGB, rounded as OpenCV does.
inline void cmyk_to_rgb(const std::uint8_t* cmyk, std::uint8_t* rgb, std::int64_t pixels) {
    for (std::int64_t i = 0; i < pixels; ++i, cmyk += 4, rgb += 3) {
        const int key = cmyk[3];
        for (int c = 0; c < 3; ++c) rgb[c] = std::uint8_t(key - (((255 - cmyk[c]) * key) >> 8));
    }
}

inline Image decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits, int& orientation) {
    JpegDecoder decoder(bytes);
    const auto fail = [&] { throw FileError("read_image: \"" + name + "\" is a broken or cut off JPEG file: " + decoder.message()); };
    if (!decoder.read_header()) fail();
    const std::int64_t height = decoder.info().output_height, width = decoder.info().output_width;
    check_limits(height, width, name, limits);
    // A Huffman coded block of 64 pixels takes at least one bit, so a small file cannot make us take much memory. Arithmetic coding has no such
    // bound; a flat picture takes about 2^14 pixels a byte.
    const std::int64_t pixels_per_byte = decoder.info().arith_code ? 65536 : 512;
    if (height * width > 65536 + pixels_per_byte * std::int64_t(bytes.size())) {
        throw FileError("read_image: \"" + name + "\" is a broken or cut off JPEG file: " + std::to_string(bytes.size()) + " bytes cannot hold " +
                        std::to_string(height) + " x " + std::to_string(width) + " pixels");
    }
    orientation = decoder.orientation();
    if (!decoder.start()) fail();
    Image image;
    image.height = height;
    image.width = width;
    image.pixels.reserve(std::size_t(height * width) * 3);
    std::vector<std::uint8_t> inks(decoder.is_cmyk() ? std::size_t(width) * 4 : 0);
    for (std::int64_t y = 0; y < height; ++y) {
        image.pixels.resize(std::size_t((y + 1) * width) * 3);  // row by row: pages that a broken file never reaches are never touched
        if (!decoder.read_row(decoder.is_cmyk() ? inks.data() : image.row(y))) fail();
        if (decoder.is_cmyk()) cmyk_to_rgb(inks.data(), image.row(y), width);
    }
    if (!decoder.finish()) fail();
    return image;
}

/// A compressor; like JpegDecoder. libjpeg allocates the output with malloc.
class JpegEncoder {
public:
    JpegEncoder() {
        prepare_errors(errors_);
        std::memset(&info_, 0, sizeof info_);
        info_.err = &errors_.base;
    }
    JpegEncoder(const JpegEncoder&) = delete;
    JpegEncoder& operator=(const JpegEncoder&) = delete;
    ~JpegEncoder() {
        jpeg_destroy_compress(&info_);
        std::free(output_);
    }

    const char* message() const noexcept { return errors_.message; }
    std::span<const std::uint8_t> output() const noexcept { return {output_, size_}; }

    bool encode(const std::uint8_t* pixels, JDIMENSION height, JDIMENSION width, int quality) {
        if (setjmp(errors_.back) != 0) return false;
        jpeg_create_compress(&info_);
        jpeg_mem_dest(&info_, &output_, &size_);
        info_.image_width = width;
        info_.image_height = height;
        info_.input_components = 3;
        info_.in_color_space = JCS_RGB;
        jpeg_set_defaults(&info_);
        jpeg_set_quality(&info_, quality, TRUE);
        if (quality >= 90) info_.comp_info[0].h_samp_factor = info_.comp_info[0].v_samp_factor = 1;
        info_.optimize_coding = TRUE;
        jpeg_start_compress(&info_, TRUE);
        while (info_.next_scanline < height) {
            JSAMPROW rows[1] = {const_cast<JSAMPROW>(pixels + std::size_t(info_.next_scanline) * width * 3)};
            jpeg_write_scanlines(&info_, rows, 1);
        }
        jpeg_finish_compress(&info_);
        return true;
    }

private:
    JpegErrors errors_;
    jpeg_compress_struct info_;
    unsigned char* output_ = nullptr;
    unsigned long size_ = 0;
};

inline std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality) {
    JpegEncoder encoder;
    if (!encoder.encode(image.pixels.data(), JDIMENSION(image.height), JDIMENSION(image.width), quality)) {
        throw FileError(std::string("encode_jpeg: libjpeg says: ") + encoder.message());
    }
    return {encoder.output().begin(), encoder.output().end()};
}

}  // namespace regulus::data_detail

#else

namespace regulus::data_detail {

inline Image decode_jpeg(std::span<const std::uint8_t>, const std::string& name, const PictureLimits&, int&) {
    throw FileError("read_image: \"" + name + "\" is a JPEG file, and this build lacks libjpeg (Debian: libjpeg-dev)");
}

inline std::vector<std::uint8_t> encode_jpeg(const Image&, int) {
    throw FileError("encode_jpeg: this build lacks libjpeg (Debian: libjpeg-dev)");
}

}  // namespace regulus::data_detail

#endif
