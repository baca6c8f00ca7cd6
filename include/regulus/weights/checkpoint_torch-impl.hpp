#pragma once
// PyTorch's two layouts: the zip of today and the five pickles of before version 1.6.
#include <algorithm>
#include <string_view>
#include <unordered_map>

#include <regulus/weights/checkpoint_layouts.hpp>
#include <regulus/weights/crc32.hpp>

namespace regulus::detail {

REGULUS_INLINE void check_crc(const MappedFile& file, const ZipEntry& entry) {
    if (!entry.deflated && crc32(file.data() + entry.data, static_cast<std::size_t>(entry.size)) != entry.crc) {
        refuse_at(file.path(), entry.data, "the checksum of \"" + entry.name + "\" is wrong: the file is damaged");
    }
}

REGULUS_INLINE void read_torch_zip(CheckpointFile& out, const std::vector<ZipEntry>& entries) {
    out.layout = CheckpointLayout::torch_zip;
    const MappedFile& file = *out.data->file;
    std::unordered_map<std::string_view, const ZipEntry*> by_name;
    const ZipEntry* program = nullptr;
    for (const ZipEntry& entry : entries) {
        by_name.emplace(entry.name, &entry);
        const std::size_t slash = entry.name.find('/');
        if (slash == std::string::npos || entry.name.substr(slash) != "/data.pkl") continue;
        if (program != nullptr) refuse_at(file.path(), entry.header, "holds two checkpoints: \"" + program->name + "\" and \"" + entry.name + "\"");
        program = &entry;
    }
    if (program == nullptr) refuse(file.path(), "is a zip without data.pkl: neither a PyTorch checkpoint nor .npz");
    const std::string root = program->name.substr(0, program->name.size() - std::string_view("data.pkl").size());

    const auto find = [&](const std::string& name) -> const ZipEntry* {
        const auto found = by_name.find(root + name);
        if (found == by_name.end()) return nullptr;
        if (found->second->deflated) refuse_at(file.path(), found->second->header, "the zip entry \"" + root + name + "\" is compressed; PyTorch writes stored entries only");
        return found->second;
    };
    const auto text = [&](const char* name) -> std::string {
        const ZipEntry* entry = find(name);
        if (entry == nullptr) return "";
        if (entry->size > 64) refuse_at(file.path(), entry->data, "\"" + entry->name + "\" is too long");
        check_crc(file, *entry);
        return std::string(reinterpret_cast<const char*>(file.data() + entry->data), static_cast<std::size_t>(entry->size));
    };
    for (const ZipEntry& entry : entries) {
        if (entry.name.compare(0, root.size() + 5, root + "code/") == 0) refuse(file.path(), "is a TorchScript archive, not a state dict: it holds code, which is never run here");
    }
    if (by_name.count(root + "constants.pkl") != 0) refuse(file.path(), "is a TorchScript archive, not a state dict");

    std::string version = text("version");
    while (!version.empty() && (version.back() == '\n' || version.back() == '\r')) version.pop_back();
    const bool number = !version.empty() && version.size() <= 3 && version.find_first_not_of("0123456789") == std::string::npos;
    if (find("version") != nullptr && (!number || std::stoi(version) < 1 || std::stoi(version) > 10)) refuse(file.path(), "has the unknown format version \"" + version + "\" in \"" + root + "version\"");
    const std::string order = text("byteorder");
    if (!order.empty() && order != "little" && order != "big") refuse(file.path(), "has the unknown byte order \"" + order + "\" in \"" + root + "byteorder\"");

    find("data.pkl");
    check_crc(file, *program);
    const std::string who = "\"" + file.path() + "\", " + program->name;
    const Pickle pickle = read_pickle(file.data() + program->data, static_cast<std::size_t>(program->size), 0, program->data, who, PickleDialect::torch_zip);
    if (pickle.end != program->size) refuse_at(file.path(), program->data + pickle.end, "bytes after the end of \"" + program->name + "\"");

    for (const PickleStorage& declared : pickle.storages) {
        const ZipEntry* entry = find("data/" + declared.key);
        if (entry == nullptr) refuse(file.path(), "has no record \"" + root + "data/" + declared.key + "\" for a storage that its tensors need");
        const std::uint64_t bytes = static_cast<std::uint64_t>(declared.numel) * declared.type->size;
        if (entry->size != bytes) refuse_at(file.path(), entry->data, "\"" + entry->name + "\" has " + std::to_string(entry->size) + " bytes, its tensors declare " + std::to_string(bytes));
        CheckpointStorage storage;
        storage.data = file.data() + entry->data;
        storage.size = bytes;
        storage.owner = out.data->file_owner();
        storage.big_endian = order == "big";
        storage.has_crc = true;
        storage.crc = entry->crc;
        storage.label = "\"" + entry->name + "\"";
        out.data->storages.push_back(std::move(storage));
    }
    take_pickle(out, pickle, 0);
}

// Behind the pickles: for each key of the list an int64 count of elements and the elements.
inline void read_legacy_storages(CheckpointFile& out, const Pickle& object, const Pickle& keys, std::uint64_t at) {
    const MappedFile& file = *out.data->file;
    const PickleNode& list = keys[keys.root];
    if (list.kind != PickleKind::list && list.kind != PickleKind::tuple) refuse_at(file.path(), at, "the fifth pickle is no list of storage keys");
    if (list.items.size() != object.storages.size()) {
        refuse_at(file.path(), at, "lists " + std::to_string(list.items.size()) + " storages, its tensors need " + std::to_string(object.storages.size()));
    }
    out.data->storages.resize(object.storages.size());
    for (const std::uint32_t item : list.items) {
        const PickleNode& key = keys[item];
        if (key.kind != PickleKind::text) refuse_at(file.path(), at, "a storage key is no text");
        const auto found = object.storage_of_key.find(std::string(key.text));
        if (found == object.storage_of_key.end()) refuse_at(file.path(), at, "lists a storage \"" + std::string(key.text.substr(0, 100)) + "\" that belongs to no tensor");
        const PickleStorage& declared = object.storages[found->second];
        CheckpointStorage& storage = out.data->storages[found->second];
        const std::string who = "storage \"" + declared.key + "\"";
        if (storage.data != nullptr) refuse_at(file.path(), at, who + " is listed twice");
        if (!lies_within(at, 8, file.size())) refuse_at(file.path(), file.size(), "is cut short: " + who + " is missing");
        const std::uint64_t count = load_little<std::uint64_t>(file.data() + at);
        if (count != static_cast<std::uint64_t>(declared.numel)) {
            refuse_at(file.path(), at, who + " has " + std::to_string(count) + " elements, its tensors declare " + std::to_string(declared.numel));
        }
        storage.size = count * declared.type->size;
        if (!lies_within(at + 8, storage.size, file.size())) refuse_at(file.path(), file.size(), "is cut short within " + who);
        storage.data = file.data() + at + 8;
        storage.owner = out.data->file_owner();
        storage.label = who;
        at += 8 + storage.size;
    }
    if (at != file.size()) refuse_at(file.path(), at, "bytes after the last storage");
}

REGULUS_INLINE void read_pickle_file(CheckpointFile& out) {
    const MappedFile& file = *out.data->file;
    const std::string who = "\"" + file.path() + "\"";
    const auto read = [&](std::size_t begin, PickleDialect dialect) { return read_pickle(file.data(), file.size(), begin, 0, who, dialect); };
    Pickle first = read(0, PickleDialect::plain);
    static constexpr std::string_view magic("\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19", 10);
    const PickleNode& root = first[first.root];
    if (root.kind != PickleKind::big_integer || root.text != magic) {
        out.layout = CheckpointLayout::pickle;
        if (root.kind == PickleKind::big_integer || root.kind == PickleKind::integer) refuse_at(file.path(), 0, "begins with a pickled number that is not PyTorch's magic number");
        if (first.end != file.size()) refuse_at(file.path(), first.end, "bytes after the end of the pickle");
        take_pickle(out, first, 0);
        return;
    }
    out.layout = CheckpointLayout::torch_legacy;
    const Pickle version = read(first.end, PickleDialect::plain);
    const PickleNode& number = version[version.root];
    if (number.kind != PickleKind::integer || number.integer != 1001) refuse_at(file.path(), first.end, "is of an unknown version of PyTorch's legacy layout (1001 is known)");
    const Pickle info = read(version.end, PickleDialect::plain);
    const PickleNode& facts = info[info.root];
    const PickleNode* little = info.find(facts, "little_endian");
    if (little == nullptr || little->kind != PickleKind::boolean) refuse_at(file.path(), version.end, "lacks the system information of PyTorch's legacy layout");
    if (little->integer == 0) refuse_at(file.path(), version.end, "was written on a big-endian machine in the legacy layout, which is not supported: save it again in the zip layout");
    const Pickle object = read(info.end, PickleDialect::torch_legacy);
    const Pickle keys = read(object.end, PickleDialect::plain);
    read_legacy_storages(out, object, keys, keys.end);
    take_pickle(out, object, 0);
}

}  // namespace regulus::detail
