--- One suggestion and the text it stands in: what is left of it while one types along.
---
--- Rows and columns count from 0, columns and lengths in bytes. Its text has line ends \n, whatever the document has.
local api = vim.api

local anchors = api.nvim_create_namespace('spark.anchor')
local ANCHOR = 1

---@class spark.Suggestion
---@field items table[] as the server sent them
---@field index integer which of them is shown
---@field text string
---@field client_id integer
---@field asked_for_more boolean
---@field announced boolean
---@field private buffer integer
---@field private outdents boolean
---@field private origin integer
---@field private behind string
---@field private replaced integer
local Suggestion = {}
Suggestion.__index = Suggestion

---@param text string
local function plain(text)
  return (text:gsub('\r\n', '\n'):gsub('\r', '\n'))
end

--- The items that can be shown: those with a text and a range on one line.
---@param result table?
local function usable(result)
  return vim.tbl_filter(function(item)
    local range = item.range
    return type(item.insertText) == 'string'
      and range ~= nil
      and range.start.line == range['end'].line
  end, result and (result.items or result) or {})
end

--- The suggestion that an answer holds for this position, nil when it holds none.
---@param buffer integer
---@param client vim.lsp.Client
---@param result table? InlineCompletionList
---@param row integer
---@param column integer
---@return spark.Suggestion?
function Suggestion.of(buffer, client, result, row, column)
  local items = usable(result)
  if #items == 0 or items[1].range.start.line ~= row then
    return nil
  end
  local self = setmetatable({ items = items, buffer = buffer, client_id = client.id }, Suggestion)
  self.asked_for_more = false
  self.announced = false
  self:choose(1, client.offset_encoding, row, column)
  return self
end

--- Show this one of the items.
function Suggestion:choose(index, encoding, row, column)
  local item = self.items[index]
  local line = api.nvim_buf_get_lines(self.buffer, row, row + 1, false)[1] or ''
  local first = vim.str_byteindex(line, encoding, item.range.start.character, false)
  local last = vim.str_byteindex(line, encoding, item.range['end'].character, false)
  self.index = index
  self.text = plain(item.insertText)
  self.behind = line:sub(column + 1)
  self.replaced = math.max(last - column, 0)
  self.outdents = not vim.startswith(self.text, line:sub(first + 1, column))
  self.origin = column - first
  api.nvim_buf_set_extmark(self.buffer, anchors, row, first, { id = ANCHOR, right_gravity = false })
end

--- Take over what is known about the one that was shown before, if this is the same or that grown.
---@param old spark.Suggestion
function Suggestion:go_on_from(old)
  if not vim.startswith(self.text, old.text) then
    return
  end
  self.announced = old.announced
  self.origin = math.min(self.origin, old.origin)
  if #self.items == 1 and old.index == 1 and #old.items > 1 then
    self.items = vim.list_extend({ self.items[1] }, vim.list_slice(old.items, 2))
    self.asked_for_more = old.asked_for_more
  end
end

--- Where its range begins.
---@return integer row, integer column
function Suggestion:start()
  local mark = api.nvim_buf_get_extmark_by_id(self.buffer, anchors, ANCHOR, {})
  return mark[1], mark[2]
end

--- How much of it stands before this position, what is left, and how much behind the position that replaces.
--- nil when something else was typed, or nothing is left.
---@return integer? taken, string? rest, integer? replaced
function Suggestion:at(row, column)
  local first_row, first_column = self:start()
  if not first_row or row < first_row or (row == first_row and column < first_column) then
    return nil
  end
  local there, lines = pcall(api.nvim_buf_get_text, self.buffer, first_row, first_column, row, column, {})
  local replaced = there and self:_still_replaced(row, column)
  if not replaced then
    return nil
  end
  local typed = table.concat(lines, '\n')
  local taken = self:_taken(typed)
  if not taken or #typed < self.origin then
    return nil
  end
  local rest = self.text:sub(taken + 1)
  if not rest:find('%S') then
    return nil
  end
  return taken, rest, replaced
end

--- The text stands behind what was typed, and so do a few closing brackets that the editor added.
function Suggestion:only_closed(row, column)
  local line = api.nvim_buf_get_lines(self.buffer, row, row + 1, false)[1] or ''
  local now = line:sub(column + 1)
  return now ~= self.behind and now:gsub('^[%)%]}>"\'`]+', '') == self.behind:gsub('^[%)%]}>"\'`]+', '')
end

function Suggestion:_taken(typed)
  if vim.startswith(self.text, typed) then
    return #typed
  end
  if self.outdents then
    local indent, body = self.text:match('^%s*'), typed:match('^%s*(.*)$')
    if vim.startswith(self.text:sub(#indent + 1), body) then
      return #indent + #body
    end
  end
end

--- A closing bracket that is typed over does not have to be replaced any more.
function Suggestion:_still_replaced(row, column)
  local line = api.nvim_buf_get_lines(self.buffer, row, row + 1, false)[1] or ''
  local over = #self.behind - (#line - column)
  if over < 0 or over > self.replaced or line:sub(column + 1) ~= self.behind:sub(over + 1) then
    return nil
  end
  return self.replaced - over
end

--- So many bytes behind the cursor were replaced by a part of it that was taken.
---@param bytes integer
function Suggestion:replaces_no_more(bytes)
  self.behind = self.behind:sub(bytes + 1)
  self.replaced = self.replaced - bytes
end

--- So many bytes of its text as the server counts them: UTF-16 units of `insertText`, with its own line ends.
---@param bytes integer
function Suggestion:utf16_length(bytes)
  local part = self.text:sub(1, bytes)
  local units = vim.str_utfindex(part, 'utf-16')
  if self.items[self.index].insertText:find('\r\n', 1, true) then
    units = units + select(2, part:gsub('\n', ''))
  end
  return units
end

function Suggestion:forget()
  if api.nvim_buf_is_valid(self.buffer) then
    api.nvim_buf_del_extmark(self.buffer, anchors, ANCHOR)
  end
end

return Suggestion
