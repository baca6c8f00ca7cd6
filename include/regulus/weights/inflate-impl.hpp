#pragma once
// Deflate (RFC 1951), for .npz files that numpy.savez_compressed wrote. Output is bounded by the size that the directory declares.
#include <regulus/weights/zip.hpp>

#include <cstring>

#include <regulus/weights/bytes.hpp>

namespace regulus::detail {

class Inflater {
public:
    Inflater(const std::uint8_t* packed, std::size_t packed_size, std::uint64_t size, const std::string& who) : in_(packed), end_(packed + packed_size), size_(size), who_(who) {
        // One bit gives at most 258 bytes twice over, so a declared size beyond 1032 times the data is a lie.
        if (size / 1032 > packed_size) fail("declares more bytes than its data can give");
        out_.reserve(static_cast<std::size_t>(size));
    }

    std::vector<std::uint8_t> run() {
        bool last = false;
        while (!last) {
            last = bits(1) != 0;
            switch (bits(2)) {
                case 0: stored(); break;
                case 1: fixed(); break;
                case 2: dynamic(); break;
                default: fail("has a block of unknown kind");
            }
        }
        if (out_.size() != size_ || in_ != end_) fail("unpacks to another size than declared");
        return std::move(out_);
    }

private:
    // Canonical Huffman code: how many codes of each length, and the symbols in order of their codes.
    struct Code {
        std::uint16_t count[16];
        std::uint16_t symbol[288];
    };

    [[noreturn]] void fail(const char* what) const { throw FileError(who_ + " " + what); }

    std::uint32_t bits(int count) {
        while (held_ < count) {
            if (in_ == end_) fail("is cut short");
            buffer_ |= std::uint32_t(*in_++) << held_;
            held_ += 8;
        }
        const std::uint32_t value = buffer_ & ((1u << count) - 1);
        buffer_ >>= count;
        held_ -= count;
        return value;
    }

    void build(Code& code, const std::uint8_t* lengths, int n, bool may_be_incomplete) {
        std::memset(code.count, 0, sizeof code.count);
        for (int i = 0; i < n; ++i) ++code.count[lengths[i]];
        const int used = n - code.count[0];
        code.count[0] = 0;
        int left = 1;
        std::uint16_t offset[17] = {};
        for (int length = 1; length < 16; ++length) {
            left = left * 2 - code.count[length];
            if (left < 0) fail("has an impossible code");
            offset[length + 1] = static_cast<std::uint16_t>(offset[length] + code.count[length]);
        }
        if (left != 0 && !(may_be_incomplete && used <= 1)) fail("has an incomplete code");
        for (int i = 0; i < n; ++i) {
            if (lengths[i] != 0) code.symbol[offset[lengths[i]]++] = static_cast<std::uint16_t>(i);
        }
    }

    int decode(const Code& code) {
        int value = 0, first = 0, index = 0;
        for (int length = 1; length < 16; ++length) {
            value |= static_cast<int>(bits(1));
            const int count = code.count[length];
            if (value - first < count) return code.symbol[index + value - first];
            index += count;
            first = (first + count) << 1;
            value <<= 1;
        }
        fail("has a code that does not occur");
    }

    void stored() {
        buffer_ = 0;
        held_ = 0;
        if (end_ - in_ < 4) fail("is cut short");
        const std::uint16_t length = load_little<std::uint16_t>(in_);
        const std::uint16_t inverted = load_little<std::uint16_t>(in_ + 2);
        in_ += 4;
        if (static_cast<std::uint16_t>(~length) != inverted) fail("has a stored block with a wrong length");
        if (end_ - in_ < length) fail("is cut short");
        check_room(length);
        out_.insert(out_.end(), in_, in_ + length);
        in_ += length;
    }

    void check_room(std::size_t more) const {
        if (more > size_ - out_.size()) fail("unpacks to more bytes than declared");
    }

    void fixed() {
        std::uint8_t lengths[288];
        for (int i = 0; i < 288; ++i) lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
        Code literals, distances;
        build(literals, lengths, 288, false);
        for (int i = 0; i < 32; ++i) lengths[i] = 5;
        build(distances, lengths, 32, false);
        block(literals, distances);
    }

    void dynamic() {
        static constexpr std::uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
        const int literal_count = static_cast<int>(bits(5)) + 257;
        const int distance_count = static_cast<int>(bits(5)) + 1;
        const int code_count = static_cast<int>(bits(4)) + 4;
        if (literal_count > 286 || distance_count > 30) fail("has too many codes");
        std::uint8_t lengths[320] = {};
        for (int i = 0; i < code_count; ++i) lengths[order[i]] = static_cast<std::uint8_t>(bits(3));
        Code code;
        build(code, lengths, 19, false);
        std::memset(lengths, 0, sizeof lengths);
        const int total = literal_count + distance_count;
        for (int i = 0; i < total;) {
            const int symbol = decode(code);
            if (symbol < 16) {
                lengths[i++] = static_cast<std::uint8_t>(symbol);
                continue;
            }
            if (symbol == 16 && i == 0) fail("repeats a length before the first");
            const std::uint8_t value = symbol == 16 ? lengths[i - 1] : 0;
            const int repeat = symbol == 16 ? 3 + static_cast<int>(bits(2)) : symbol == 17 ? 3 + static_cast<int>(bits(3)) : 11 + static_cast<int>(bits(7));
            if (repeat > total - i) fail("repeats a length too often");
            for (int k = 0; k < repeat; ++k) lengths[i++] = value;
        }
        if (lengths[256] == 0) fail("has no code for the end of a block");
        Code literals, distances;
        build(literals, lengths, literal_count, true);
        build(distances, lengths + literal_count, distance_count, true);
        block(literals, distances);
    }

    void block(const Code& literals, const Code& distances) {
        static constexpr std::uint16_t length_base[29] = {3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
        static constexpr std::uint8_t length_bits[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
        static constexpr std::uint16_t distance_base[30] = {1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
        static constexpr std::uint8_t distance_bits[30] = {0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};
        for (;;) {
            const int symbol = decode(literals);
            if (symbol == 256) return;
            if (symbol < 256) {
                check_room(1);
                out_.push_back(static_cast<std::uint8_t>(symbol));
                continue;
            }
            if (symbol > 285) fail("has an impossible length");
            const std::size_t length = length_base[symbol - 257] + bits(length_bits[symbol - 257]);
            const int where = decode(distances);
            if (where > 29) fail("has an impossible distance");
            const std::size_t distance = distance_base[where] + bits(distance_bits[where]);
            if (distance > out_.size()) fail("refers to bytes before its begin");
            check_room(length);
            for (std::size_t i = 0; i < length; ++i) out_.push_back(out_[out_.size() - distance]);
        }
    }

    const std::uint8_t* in_;
    const std::uint8_t* end_;
    std::uint64_t size_;
    const std::string& who_;
    std::vector<std::uint8_t> out_;
    std::uint32_t buffer_ = 0;
    int held_ = 0;
};

REGULUS_INLINE std::vector<std::uint8_t> inflate(const std::uint8_t* packed, std::size_t packed_size, std::uint64_t size, const std::string& who) {
    return Inflater(packed, packed_size, size, who).run();
}

}  // namespace regulus::detail
