#pragma once
// NumPy's own files: .npy, and .npz (a zip of them).
#include <charconv>
#include <string_view>

#include <regulus/weights/checkpoint_layouts.hpp>
#include <regulus/weights/crc32.hpp>

namespace regulus::detail {

REGULUS_INLINE std::vector<std::int64_t> dense_strides(const Shape& shape, bool fortran) {
    std::vector<std::int64_t> strides(static_cast<std::size_t>(shape.rank()));
    std::int64_t step = 1;
    for (int i = 0; i < shape.rank(); ++i) {
        const int axis = fortran ? i : shape.rank() - 1 - i;
        strides[static_cast<std::size_t>(axis)] = step;
        if (__builtin_mul_overflow(step, shape[axis] == 0 ? 1 : shape[axis], &step)) step = 0;  // an array of no elements
    }
    return strides;
}

/// One .npy in memory: `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }` and the elements.
class NpyParser {
public:
    NpyParser(const std::uint8_t* bytes, std::uint64_t size, std::string who) : bytes_(bytes), size_(size), who_(std::move(who)) {}

    /// Fills in the record but for its storage, and the storage but for its owner.
    void parse(TensorRecord& record, CheckpointStorage& storage) {
        static constexpr std::string_view magic = "\x93NUMPY";
        if (size_ < 10 || std::string_view(reinterpret_cast<const char*>(bytes_), 6) != magic) fail(0, "has no NumPy magic");
        const int version = bytes_[6];
        if (version < 1 || version > 3 || bytes_[7] != 0) fail(6, "has the unknown format version " + std::to_string(version));
        const std::uint64_t begin = version == 1 ? 10 : 12;
        if (size_ < begin) fail(size_, "is cut short");
        const std::uint64_t length = version == 1 ? load_little<std::uint16_t>(bytes_ + 8) : load_little<std::uint32_t>(bytes_ + 8);
        if (!lies_within(begin, length, size_) || length > (1u << 20)) fail(8, "has a header of " + std::to_string(length) + " bytes, beyond its end");
        header_ = std::string_view(reinterpret_cast<const char*>(bytes_ + begin), static_cast<std::size_t>(length));
        base_ = begin;
        header();
        set_type(record, storage);
        record.shape = shape_;
        record.strides = dense_strides(shape_, fortran_);
        storage.data = bytes_ + begin + length;
        storage.size = size_ - begin - length;
        if (!record.refusal.empty()) return;
        std::uint64_t elements = 0;
        try {
            elements = static_cast<std::uint64_t>(shape_.numel());
        } catch (const ShapeError&) { fail(begin, "has the impossible shape " + to_string(shape_)); }
        if (elements > INT64_MAX / 64 || elements * type_->size != storage.size) {
            fail(begin, "has " + std::to_string(storage.size) + " bytes of data, which is not " + to_string(shape_) + " of " + std::string(type_->name));
        }
    }

private:
    [[noreturn]] void fail(std::uint64_t at, const std::string& what) const { throw FileError(who_ + ", offset " + std::to_string(at) + " in it: " + what); }
    [[noreturn]] void fail_header() const { fail(base_ + at_, "has a header that is not the dict NumPy writes"); }

    void skip_space() {
        while (at_ < header_.size() && (header_[at_] == ' ' || header_[at_] == '\n')) ++at_;
    }
    bool take(char c) {
        skip_space();
        if (at_ == header_.size() || header_[at_] != c) return false;
        ++at_;
        return true;
    }
    void expect(char c) {
        if (!take(c)) fail_header();
    }
    std::string_view quoted() {
        skip_space();
        if (at_ == header_.size() || (header_[at_] != '\'' && header_[at_] != '"')) fail_header();
        const std::size_t end = header_.find(header_[at_], at_ + 1);
        if (end == std::string_view::npos) fail_header();
        const std::string_view text = header_.substr(at_ + 1, end - at_ - 1);
        at_ = end + 1;
        return text;
    }
    bool boolean() {
        skip_space();
        for (const std::string_view word : {std::string_view("True"), std::string_view("False")}) {
            if (header_.substr(at_, word.size()) == word) {
                at_ += word.size();
                return word == "True";
            }
        }
        fail_header();
    }
    void shape() {
        expect('(');
        while (!take(')')) {
            skip_space();
            std::int64_t size = 0;
            const auto result = std::from_chars(header_.data() + at_, header_.data() + header_.size(), size);
            if (result.ec != std::errc() || size < 0) fail(base_ + at_, "has a shape that is no tuple of sizes");
            if (shape_.rank() == Shape::max_rank) fail(base_ + at_, "has more than 8 dimensions");
            shape_.push_back(size);
            at_ = static_cast<std::size_t>(result.ptr - header_.data());
            if (at_ < header_.size() && header_[at_] == 'L') ++at_;  // written by Python 2
            if (!take(',')) {
                expect(')');
                return;
            }
        }
    }
    void header() {
        int seen = 0;
        expect('{');
        while (!take('}')) {
            const std::string_view key = quoted();
            expect(':');
            const int bit = key == "descr" ? 1 : key == "fortran_order" ? 2 : key == "shape" ? 4 : 0;
            if (bit == 0 || (seen & bit) != 0) fail_header();
            seen |= bit;
            if (bit == 1) {
                skip_space();
                if (at_ < header_.size() && header_[at_] == '[') fail(base_ + at_, "has a structured dtype, which is not supported");
                descr_ = quoted();
            } else if (bit == 2) {
                fortran_ = boolean();
            } else {
                shape();
            }
            if (!take(',')) {
                expect('}');
                break;
            }
        }
        skip_space();
        if (at_ != header_.size() || seen != 7) fail_header();
    }
    void set_type(TensorRecord& record, CheckpointStorage& storage) {
        const bool ordered = !descr_.empty() && std::string_view("<>|=").find(descr_[0]) != std::string_view::npos;
        const std::string_view kind = ordered ? descr_.substr(1) : descr_;
        type_ = find_element(&ElementType::numpy, kind);
        storage.big_endian = ordered && descr_[0] == '>';
        record.dtype = type_ != nullptr ? std::string(type_->name) : std::string(descr_.substr(0, 40));
        if (type_ != nullptr) record.element = type_->held;
        else record.refusal = kind == "O" ? "it holds Python objects, which are never unpickled here" : "its NumPy dtype \"" + record.dtype + "\" is not supported";
    }

    const std::uint8_t* bytes_;
    std::uint64_t size_;
    std::string who_;
    std::string_view header_;
    std::uint64_t base_ = 0;
    std::size_t at_ = 0;
    std::string_view descr_;
    bool fortran_ = false;
    Shape shape_;
    const ElementType* type_ = nullptr;
};

inline void add_npy(CheckpointFile& out, std::string name, const std::uint8_t* bytes, std::uint64_t size, std::shared_ptr<void> owner, const std::string& who) {
    TensorRecord record;
    CheckpointStorage storage;
    record.name = std::move(name);
    record.storage = static_cast<std::uint32_t>(out.data->storages.size());
    NpyParser(bytes, size, who).parse(record, storage);
    storage.owner = std::move(owner);
    storage.label = who;
    out.data->storages.push_back(std::move(storage));
    out.groups.front().tensors.push_back(std::move(record));
}

REGULUS_INLINE void read_npz(CheckpointFile& out, const std::vector<ZipEntry>& entries) {
    out.layout = CheckpointLayout::npz;
    out.groups.resize(1);
    const MappedFile& file = *out.data->file;
    const std::uint64_t budget = 16 * std::uint64_t(file.size()) + (64u << 20);  // for what is compressed
    std::uint64_t unpacked = 0;
    for (const ZipEntry& entry : entries) {
        const std::string who = "\"" + file.path() + "\", \"" + entry.name + "\"";
        constexpr std::string_view suffix = ".npy";
        if (entry.name.size() <= suffix.size() || entry.name.substr(entry.name.size() - suffix.size()) != suffix) {
            refuse_at(file.path(), entry.header, "the entry \"" + entry.name + "\" of a .npz is no .npy array");
        }
        std::string name = entry.name.substr(0, entry.name.size() - suffix.size());
        const std::uint8_t* bytes = file.data() + entry.data;
        std::shared_ptr<void> owner = out.data->file_owner();
        if (entry.deflated) {
            if (entry.size > budget - unpacked) refuse_at(file.path(), entry.header, "unpacking \"" + entry.name + "\" would take more memory than a file of this size may");
            unpacked += entry.size;
            const auto holder = std::make_shared<std::vector<std::uint8_t>>(inflate(bytes, static_cast<std::size_t>(entry.packed), entry.size, who));
            bytes = holder->data();
            owner = holder;
        }
        if (crc32(bytes, static_cast<std::size_t>(entry.size)) != entry.crc) refuse_at(file.path(), entry.data, "the checksum of \"" + entry.name + "\" is wrong: the file is damaged");
        add_npy(out, std::move(name), bytes, entry.size, std::move(owner), who);
    }
}

REGULUS_INLINE void read_npy(CheckpointFile& out) {
    out.layout = CheckpointLayout::npy;
    out.groups.resize(1);
    const MappedFile& file = *out.data->file;
    add_npy(out, "", file.data(), file.size(), out.data->file_owner(), "\"" + file.path() + "\"");
}

}  // namespace regulus::detail
