--- Puts a suggestion, or the next part of it, into the text, and tells the server.
local api = vim.api
local menu = require('spark.menu')
local requester = require('spark.requester')

local M = {}

---@alias spark.Part 'all'|'word'|'line'

local lengths = {
  all = function(rest)
    return #rest
  end,
  word = function(rest)
    return #vim.fn.matchstr(rest, [[^\_s*\%(\k\+\|\%(\k\@!\S\)\+\)]])
  end,
  line = function(rest)
    local _, last = rest:find('^\n?[^\n]*')
    return last
  end,
}

--- The length up to which `rest` is taken, and how much behind the cursor that replaces. What stands behind the
--- cursor already is taken as a whole: half of it would stand there twice.
local function extent(rest, length, behind)
  if behind == '' or length == #rest then
    return length, #behind
  end
  local first = rest:find(behind, 1, true)
  if not first or length < first then
    return length, 0
  end
  return math.max(length, first - 1 + #behind), #behind
end

local function replace(state, taken, length, replaced)
  local suggestion, buffer = state.suggestion, state.buffer
  local row, column = suggestion:start()
  local at = api.nvim_win_get_cursor(0)
  local there = table.concat(api.nvim_buf_get_text(buffer, row, column, at[1] - 1, at[2], {}), '\n')
  local text = suggestion.text:sub(1, taken + length)
  -- Only what is new is inserted: marks and diagnostics in what stands there stay.
  if vim.startswith(text, there) then
    row, column, text = at[1] - 1, at[2], text:sub(#there + 1)
  end
  local lines = vim.split(text, '\n', { plain = true })
  -- Undone by itself, and not with what was typed before it.
  vim.bo[buffer].undolevels = vim.bo[buffer].undolevels
  api.nvim_buf_set_text(buffer, row, column, at[1] - 1, at[2] + replaced, lines)
  local last = #lines[#lines] + (#lines == 1 and column or 0)
  api.nvim_win_set_cursor(0, { row + #lines, last })
end

local function tell(state, item, part)
  if part then
    local method = 'textDocument/didPartiallyAcceptCompletion'
    state.client:notify(method, { item = item, acceptedLength = part })
  elseif item.command then
    local command = { command = item.command.command, arguments = item.command.arguments }
    state.client:request('workspace/executeCommand', command, function() end, state.buffer)
  end
end

local function put(part)
  local state = requester.visible()
  if not state then
    return
  end
  local suggestion = state.suggestion
  local at = api.nvim_win_get_cursor(0)
  local taken, rest, replaced = suggestion:at(at[1] - 1, at[2])
  local behind = api.nvim_get_current_line():sub(at[2] + 1, at[2] + replaced)
  local length, over = extent(rest, lengths[part](rest), behind)
  local item = suggestion.items[suggestion.index]
  if rest:find('%S', length + 1) then
    local told = suggestion:utf16_length(taken + length)
    suggestion:replaces_no_more(over)
    replace(state, taken, length, over)
    tell(state, item, told)
    requester.refresh(state)
  else
    replace(state, taken, #rest, replaced)
    requester.taken(state)
    tell(state, item)
  end
end

--- Take the suggestion or its next part. False, and nothing happens, when none is shown.
---@param part spark.Part
---@return boolean
function M.take(part)
  if not requester.visible() then
    return false
  end
  if menu.close() then
    -- The menu goes when the keys for that are read.
    vim.schedule(function()
      put(part)
    end)
  else
    put(part)
  end
  return true
end

return M
