#pragma once
// Stored zip entries whose data begin at multiples of 64 bytes, as PyTorch lays out its records; zip64 where sizes ask for it.
#include <cstdint>
#include <string>
#include <vector>

#include <regulus/core/atomic_file.hpp>
#include <regulus/weights/bytes.hpp>
#include <regulus/weights/crc32.hpp>

namespace regulus::detail {

class ZipWriter {
public:
    explicit ZipWriter(const std::string& path) : file_(path) {}

    void add(const std::string& name, const void* bytes, std::uint64_t size) {
        Entry entry{name, at_, size, crc32(static_cast<const std::uint8_t*>(bytes), static_cast<std::size_t>(size))};
        const bool wide = size >= saturated;
        std::string extra;
        if (wide) append_zip64(extra, {size, size});
        // The rest of the way to a multiple of 64 is an extra field of PyTorch's own kind ("FB") full of 'Z'.
        const std::uint64_t unpadded = at_ + 30 + name.size() + extra.size() + 4;
        const std::uint16_t padding = static_cast<std::uint16_t>((64 - unpadded % 64) % 64);
        append_little<std::uint16_t>(extra, 0x4246);
        append_little<std::uint16_t>(extra, padding);
        extra.append(padding, 'Z');
        std::string header;
        append_little<std::uint32_t>(header, 0x04034B50);
        append_little<std::uint16_t>(header, wide ? 45 : 20);
        append_common(header, entry, wide);
        append_little<std::uint16_t>(header, static_cast<std::uint16_t>(name.size()));
        append_little<std::uint16_t>(header, static_cast<std::uint16_t>(extra.size()));
        write(header + name + extra);
        file_.write(bytes, static_cast<std::size_t>(size));
        at_ += size;
        entries_.push_back(std::move(entry));
    }

    void add(const std::string& name, const std::string& bytes) { add(name, bytes.data(), bytes.size()); }

    /// Writes the directory and makes the file appear.
    void finish() {
        const std::uint64_t begin = at_;
        for (const Entry& entry : entries_) write(central(entry));
        const std::uint64_t size = at_ - begin;
        const std::uint64_t count = entries_.size();
        std::string end;
        if (count >= 0xFFFF || begin >= saturated || size >= saturated) {
            const std::uint64_t record = at_;
            append_little<std::uint32_t>(end, 0x06064B50);
            append_little<std::uint64_t>(end, 44);
            append_little<std::uint16_t>(end, 45);
            append_little<std::uint16_t>(end, 45);
            append_little<std::uint64_t>(end, 0);  // the numbers of two disks
            for (const std::uint64_t value : {count, count, size, begin}) append_little<std::uint64_t>(end, value);
            append_little<std::uint32_t>(end, 0x07064B50);
            append_little<std::uint32_t>(end, 0);
            append_little<std::uint64_t>(end, record);
            append_little<std::uint32_t>(end, 1);
        }
        const std::uint16_t short_count = static_cast<std::uint16_t>(count >= 0xFFFF ? 0xFFFF : count);
        append_little<std::uint32_t>(end, 0x06054B50);
        append_little<std::uint32_t>(end, 0);
        append_little<std::uint16_t>(end, short_count);
        append_little<std::uint16_t>(end, short_count);
        append_little<std::uint32_t>(end, clamp(size));
        append_little<std::uint32_t>(end, clamp(begin));
        append_little<std::uint16_t>(end, 0);
        write(end);
        file_.commit();
    }

private:
    static constexpr std::uint64_t saturated = 0xFFFFFFFF;

    struct Entry {
        std::string name;
        std::uint64_t header;
        std::uint64_t size;
        std::uint32_t crc;
    };

    static std::uint32_t clamp(std::uint64_t value) { return static_cast<std::uint32_t>(value < saturated ? value : saturated); }

    static void append_zip64(std::string& extra, const std::vector<std::uint64_t>& numbers) {
        append_little<std::uint16_t>(extra, 1);
        append_little<std::uint16_t>(extra, static_cast<std::uint16_t>(8 * numbers.size()));
        for (const std::uint64_t number : numbers) append_little<std::uint64_t>(extra, number);
    }

    // What local header and directory share: flags (UTF-8 names), method (stored), time (1 January 1980), checksum, sizes.
    static void append_common(std::string& out, const Entry& entry, bool wide) {
        append_little<std::uint16_t>(out, 0x0800);
        append_little<std::uint16_t>(out, 0);
        append_little<std::uint16_t>(out, 0);
        append_little<std::uint16_t>(out, 0x0021);
        append_little<std::uint32_t>(out, entry.crc);
        const std::uint32_t size = wide ? static_cast<std::uint32_t>(saturated) : static_cast<std::uint32_t>(entry.size);
        append_little<std::uint32_t>(out, size);
        append_little<std::uint32_t>(out, size);
    }

    static std::string central(const Entry& entry) {
        const bool wide = entry.size >= saturated;
        std::vector<std::uint64_t> numbers;
        if (wide) numbers = {entry.size, entry.size};
        if (entry.header >= saturated) numbers.push_back(entry.header);
        std::string extra;
        if (!numbers.empty()) append_zip64(extra, numbers);
        std::string out;
        append_little<std::uint32_t>(out, 0x02014B50);
        append_little<std::uint16_t>(out, numbers.empty() ? 20 : 45);
        append_little<std::uint16_t>(out, numbers.empty() ? 20 : 45);
        append_common(out, entry, wide);
        append_little<std::uint16_t>(out, static_cast<std::uint16_t>(entry.name.size()));
        append_little<std::uint16_t>(out, static_cast<std::uint16_t>(extra.size()));
        append_little<std::uint16_t>(out, 0);  // comment
        append_little<std::uint16_t>(out, 0);  // disk
        append_little<std::uint16_t>(out, 0);  // internal attributes
        append_little<std::uint32_t>(out, 0);  // external attributes
        append_little<std::uint32_t>(out, clamp(entry.header));
        return out + entry.name + extra;
    }

    void write(const std::string& bytes) {
        file_.write(bytes);
        at_ += bytes.size();
    }

    AtomicFile file_;
    std::uint64_t at_ = 0;
    std::vector<Entry> entries_;
};

}  // namespace regulus::detail
