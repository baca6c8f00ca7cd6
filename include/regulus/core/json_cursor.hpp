#pragma once
// Large JSON files a piece at a time: finds where a value ends and lets core/json parse that value alone, so that no tree of the whole file is ever built.
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <regulus/core/json.hpp>

namespace regulus {

/// Walks the outer structure of a JSON text. What lies between is checked by parse_json once it is parsed.
class JsonCursor {
public:
    JsonCursor(std::string_view text, const std::string& who) : text_(text), who_(who) {}

    /// Calls member(name, cursor) for each member of the object that stands here; it must consume the value.
    template <class Member>
    void object(Member&& member) {
        expect('{', "an object");
        if (take('}')) return;
        do {
            skip_space();
            const std::size_t begin = at_;
            if (at_ == text_.size() || text_[at_] != '"') fail(at_, "expected a name in double quotes");
            const std::string name = *value("a name").text();
            expect(':', "':'");
            member(name, begin);
        } while (take(','));
        expect('}', "',' or '}'");
    }

    /// Calls element(index, text of the element) for each element of the array that stands here; `name` is for messages.
    template <class Element>
    void array(const std::string& name, Element&& element) {
        expect('[', "the array of " + name);
        if (take(']')) return;
        std::size_t index = 0;
        do element(index++, value_text());
        while (take(','));
        expect(']', "',' or ']'");
    }

    /// Parses the value that stands here.
    Json value(const std::string& what) {
        const std::string_view text = value_text();
        return parse_json(text, who_ + ": " + what);
    }

    void end() {
        skip_space();
        if (at_ != text_.size()) fail(at_, "text after the value");
    }

    /// The text of the value that stands here, still to be parsed: up to the bracket that closes it, or up to what parts values.
    std::string_view value_text() {
        skip_space();
        const std::size_t begin = at_;
        std::size_t depth = 0;
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '"') {
                skip_string();
                if (depth == 0) break;
                continue;
            }
            if (c == '{' || c == '[') ++depth;
            if (c == '}' || c == ']') {
                if (depth == 0) break;
                if (--depth == 0) {
                    ++at_;
                    break;
                }
            }
            if (depth == 0 && (c == ',' || c == ':' || c == ' ' || c == '\n' || c == '\t' || c == '\r')) break;
            ++at_;
        }
        if (depth != 0) fail(begin, "an array or object is not closed");
        if (at_ == begin) fail(begin, begin == text_.size() ? "the text ends where a value should stand" : "expected a value");
        return text_.substr(begin, at_ - begin);
    }

    [[noreturn]] void fail(std::size_t at, const std::string& what) const {
        throw FileError(who_ + ": offset " + std::to_string(at) + " of the JSON text: " + what);
    }

private:
    void skip_space() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
    }

    bool take(char c) {
        skip_space();
        if (at_ == text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }

    void expect(char c, const std::string& what) {
        if (!take(c)) fail(at_, at_ == text_.size() ? "the text ends where " + what + " should stand" : "expected " + what);
    }

    void skip_string() {
        for (++at_; at_ < text_.size(); ++at_) {
            if (text_[at_] == '\\') ++at_;
            else if (text_[at_] == '"') break;
        }
        if (at_ >= text_.size()) fail(text_.size(), "the text ends within a string");
        ++at_;
    }

    std::string_view text_;
    const std::string& who_;
    std::size_t at_ = 0;
};

}  // namespace regulus
