#pragma once
#include <regulus/weights/zip.hpp>

#include <algorithm>
#include <cstring>

#include <regulus/weights/bytes.hpp>

namespace regulus::detail {

class ZipDirectory {
public:
    explicit ZipDirectory(const MappedFile& file) : file_(file), bytes_(file.data()), size_(file.size()) {}

    std::vector<ZipEntry> entries() {
        find_end();
        std::vector<ZipEntry> result;
        result.reserve(count_);
        std::uint64_t at = directory_;
        for (std::uint64_t i = 0; i < count_; ++i) result.push_back(central_entry(at));
        if (at != directory_ + directory_size_) fail(at, "the zip directory is longer than its entries");
        check_layout(result);
        return result;
    }

private:
    [[noreturn]] void fail(std::uint64_t offset, const std::string& what) const { refuse_at(file_.path(), offset, what); }

    template <class T> T number(std::uint64_t at) const { return load_little<T>(bytes_ + at); }

    bool signature(std::uint64_t at, std::uint32_t expected) const { return lies_within(at, 4, size_) && number<std::uint32_t>(at) == expected; }

    // The end record stands last; its comment has at most 65535 bytes and must reach the end of the file exactly.
    void find_end() {
        constexpr std::uint64_t record = 22;
        if (size_ < record) fail(size_, "a zip file cut short: no end record");
        const std::uint64_t lowest = size_ - record > 0xFFFF ? size_ - record - 0xFFFF : 0;
        std::uint64_t end = size_;
        for (std::uint64_t at = size_ - record + 1; at-- > lowest;) {
            if (signature(at, 0x06054B50) && number<std::uint16_t>(at + 20) == size_ - at - record) {
                end = at;
                break;
            }
        }
        if (end == size_) fail(size_, "a zip file cut short or with bytes after it: no end record");
        if (number<std::uint16_t>(end + 4) != 0 || number<std::uint16_t>(end + 6) != 0) fail(end, "a zip archive over several disks");
        count_ = number<std::uint16_t>(end + 10);
        if (number<std::uint16_t>(end + 8) != count_) fail(end, "the zip end record gives two counts of entries");
        directory_size_ = number<std::uint32_t>(end + 12);
        directory_ = number<std::uint32_t>(end + 16);
        std::uint64_t limit = end;
        if (end >= 20 && signature(end - 20, 0x07064B50)) limit = zip64_end(end - 20);
        if (count_ > max_zip_entries) fail(end, "the zip declares " + std::to_string(count_) + " entries, the limit is " + std::to_string(max_zip_entries));
        if (!lies_within(directory_, directory_size_, limit) || directory_ + directory_size_ != limit) fail(end, "the zip directory does not end where its end record begins");
        if (count_ * 46 > directory_size_) fail(end, "the zip declares " + std::to_string(count_) + " entries, more than its directory holds");
    }

    std::uint64_t zip64_end(std::uint64_t locator) {
        const std::uint64_t at = number<std::uint64_t>(locator + 8);
        if (!lies_within(at, 56, locator) || !signature(at, 0x06064B50)) fail(locator, "the zip64 end record is not where its locator says");
        if (number<std::uint64_t>(at + 4) != locator - at - 12) fail(at, "the zip64 end record has a wrong size");
        const std::uint64_t count = number<std::uint64_t>(at + 32);
        const std::uint64_t size = number<std::uint64_t>(at + 40);
        const std::uint64_t offset = number<std::uint64_t>(at + 48);
        if (number<std::uint64_t>(at + 24) != count) fail(at, "the zip64 end record gives two counts of entries");
        const bool agree = (count_ == 0xFFFF || count_ == count) && (directory_size_ == 0xFFFFFFFF || directory_size_ == size) && (directory_ == 0xFFFFFFFF || directory_ == offset);
        if (!agree) fail(at, "the two zip end records contradict each other");
        count_ = count;
        directory_size_ = size;
        directory_ = offset;
        return at;
    }

    // Replaces the saturated ones of `fields` by the 64-bit numbers of the extra field 1, in order.
    void zip64_extra(std::uint64_t at, std::uint64_t length, std::uint64_t* const* fields, int count) const {
        const std::uint64_t end = at + length;
        while (end - at >= 4) {
            const std::uint16_t id = number<std::uint16_t>(at);
            const std::uint64_t size = number<std::uint16_t>(at + 2);
            at += 4;
            if (size > end - at) fail(at, "an extra field of a zip entry is cut short");
            if (id == 1) {
                std::uint64_t next = at;
                for (int i = 0; i < count; ++i) {
                    if (*fields[i] != 0xFFFFFFFF) continue;
                    if (at + size - next < 8) fail(at, "a zip64 extra field lacks a number");
                    *fields[i] = number<std::uint64_t>(next);
                    next += 8;
                }
                return;
            }
            at += size;
        }
    }

    ZipEntry central_entry(std::uint64_t& at) const {
        const std::uint64_t limit = directory_ + directory_size_;
        if (!lies_within(at, 46, limit) || !signature(at, 0x02014B50)) fail(at, "expected an entry of the zip directory");
        const std::uint64_t name = number<std::uint16_t>(at + 28);
        const std::uint64_t extra = number<std::uint16_t>(at + 30);
        const std::uint64_t comment = number<std::uint16_t>(at + 32);
        if (!lies_within(at + 46, name + extra + comment, limit)) fail(at, "an entry of the zip directory is cut short");
        ZipEntry entry;
        entry.name.assign(reinterpret_cast<const char*>(bytes_ + at + 46), name);
        const std::uint16_t flags = number<std::uint16_t>(at + 8);
        const std::uint16_t method = number<std::uint16_t>(at + 10);
        if ((flags & 0x2041) != 0) fail(at, "the zip entry \"" + entry.name + "\" is encrypted");
        if (method != 0 && method != 8) fail(at, "the zip entry \"" + entry.name + "\" is compressed by unknown method " + std::to_string(method));
        if (entry.name.find('\0') != std::string::npos) fail(at, "the name of a zip entry holds a zero byte");
        entry.deflated = method == 8;
        entry.crc = number<std::uint32_t>(at + 16);
        entry.packed = number<std::uint32_t>(at + 20);
        entry.size = number<std::uint32_t>(at + 24);
        entry.header = number<std::uint32_t>(at + 42);
        std::uint64_t* const fields[] = {&entry.size, &entry.packed, &entry.header};
        zip64_extra(at + 46 + name, extra, fields, 3);
        if (!entry.deflated && entry.packed != entry.size) fail(at, "the stored zip entry \"" + entry.name + "\" declares two sizes");
        at += 46 + name + extra + comment;
        return entry;
    }

    // The entry ends at `limit` at the latest, where `next` begins.
    void check_local_header(ZipEntry& entry, std::uint64_t limit, const std::string& next) const {
        const std::string who = "the zip entry \"" + entry.name + "\"";
        const std::uint64_t at = entry.header;
        if (!lies_within(at, 30, directory_) || !signature(at, 0x04034B50)) fail(at, who + " has no local header where the directory says");
        const std::uint64_t name = number<std::uint16_t>(at + 26);
        const std::uint64_t extra = number<std::uint16_t>(at + 28);
        entry.data = at + 30 + name + extra;
        if (!lies_within(entry.data, entry.packed, limit)) fail(at, who + " reaches into " + next + ": the two overlap");
        const bool same_name = name == entry.name.size() && std::memcmp(bytes_ + at + 30, entry.name.data(), name) == 0;
        const std::uint16_t flags = number<std::uint16_t>(at + 6);
        const bool same_method = number<std::uint16_t>(at + 8) == (entry.deflated ? 8 : 0);
        if (!same_name || !same_method || (flags & 0x2041) != 0) fail(at, who + " is another in its local header than in the directory");
        std::uint64_t packed = number<std::uint32_t>(at + 18);
        std::uint64_t size = number<std::uint32_t>(at + 22);
        std::uint64_t* const fields[] = {&size, &packed};
        zip64_extra(at + 30 + name, extra, fields, 2);
        const std::uint32_t crc = number<std::uint32_t>(at + 14);
        const bool follows = (flags & 8) != 0;  // sizes and checksum stand behind the data; the header may leave them out
        const bool same_size = (size == entry.size || (follows && size == 0)) && (packed == entry.packed || (follows && packed == 0));
        if (!same_size || (crc != entry.crc && !(follows && crc == 0))) fail(at, who + " has another size or checksum in its local header than in the directory");
    }

    // Names differ and entries do not overlap; local headers are read only where they cannot lie over another's.
    void check_layout(std::vector<ZipEntry>& entries) const {
        std::vector<ZipEntry*> order;
        order.reserve(entries.size());
        for (ZipEntry& entry : entries) order.push_back(&entry);
        std::sort(order.begin(), order.end(), [](const ZipEntry* a, const ZipEntry* b) { return a->name < b->name; });
        for (std::size_t i = 1; i < order.size(); ++i) {
            if (order[i - 1]->name == order[i]->name) fail(order[i]->header, "two zip entries named \"" + order[i]->name + "\"");
        }
        std::sort(order.begin(), order.end(), [](const ZipEntry* a, const ZipEntry* b) { return a->header < b->header; });
        if (!order.empty() && order[0]->header != 0) fail(0, "bytes before the first zip entry");
        for (std::size_t i = 0; i < order.size(); ++i) {
            const bool last = i + 1 == order.size();
            check_local_header(*order[i], last ? directory_ : std::min(order[i + 1]->header, directory_), last ? "the zip directory" : "the entry \"" + order[i + 1]->name + "\"");
        }
    }

    const MappedFile& file_;
    const std::uint8_t* bytes_;
    std::uint64_t size_;
    std::uint64_t count_ = 0;
    std::uint64_t directory_ = 0;
    std::uint64_t directory_size_ = 0;
};

REGULUS_INLINE std::vector<ZipEntry> read_zip_directory(const MappedFile& file) { return ZipDirectory(file).entries(); }

}  // namespace regulus::detail
