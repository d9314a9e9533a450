--- Draws what is left of a suggestion behind the cursor.
---
--- Always by the same extmarks: moving one is a single step, so there is no moment without text on the screen.
local api = vim.api

local M = {}

M.namespace = api.nvim_create_namespace('spark.ghost')

local GROUP = 'SparkGhost'
local HERE, BEHIND = 1, 2

function M.define_colours()
  local function define()
    api.nvim_set_hl(0, GROUP, { default = true, link = 'Comment' })
  end
  define()
  local group = api.nvim_create_augroup('spark.colours', {})
  api.nvim_create_autocmd('ColorScheme', { group = group, callback = define })
end

--- Tabs as the buffer shows them: virtual text would show them as ^I.
local function without_tabs(text, column, tabstop)
  if not text:find('\t', 1, true) then
    return text
  end
  local shown = ''
  for before, tab in text:gmatch('([^\t]*)(\t?)') do
    shown = shown .. before
    if tab ~= '' then
      local width = column + api.nvim_strwidth(shown)
      shown = shown .. (' '):rep(tabstop - width % tabstop)
    end
  end
  return shown
end

--- The parts of the first line in front of and behind the text that it says again, as `foo(|)` and `a, b):` do.
local function around(first, again, alone)
  if again == '' then
    return first, ''
  end
  local from, to
  local start = 1
  while true do
    local at, last = first:find(again, start, true)
    if not at then
      break
    end
    from, to, start = at, last, at + 1
  end
  if not from or not alone then
    return nil
  end
  return first:sub(1, from - 1), first:sub(to + 1)
end

local function inline(text)
  return text ~= '' and { { text, GROUP } } or nil
end

--- Show `rest` behind a position. `replaced` bytes behind it would go when it is accepted.
---@param buffer integer
---@param row integer
---@param column integer
---@param rest string
---@param replaced integer
function M.draw(buffer, row, column, rest, replaced)
  local lines = vim.split(rest, '\n', { plain = true })
  local first = table.remove(lines, 1)
  local tabstop = vim.bo[buffer].tabstop
  local line = api.nvim_buf_get_lines(buffer, row, row + 1, false)[1] or ''
  local again = line:sub(column + 1, column + replaced)
  local before, behind = around(first, again, #lines == 0)
  local width = first:find('\t', 1, true) and vim.fn.strdisplaywidth(line:sub(1, column)) or 0
  local mark = { id = HERE, hl_mode = 'combine', virt_text_pos = 'inline', undo_restore = false }
  if before then
    mark.virt_text = inline(without_tabs(before, width, tabstop))
  else
    -- What will be replaced stands elsewhere in the text: draw over it.
    local over = without_tabs(first, width, tabstop)
    local missing = api.nvim_strwidth(again) - api.nvim_strwidth(over)
    mark.virt_text, mark.virt_text_pos = inline(over .. (' '):rep(math.max(missing, 0))), 'overlay'
  end
  if #lines > 0 then
    mark.virt_lines = vim.tbl_map(function(text)
      return { { without_tabs(text, 0, tabstop), GROUP } }
    end, lines)
  end
  api.nvim_buf_set_extmark(buffer, M.namespace, row, column, mark)
  if behind and behind ~= '' then
    api.nvim_buf_set_extmark(buffer, M.namespace, row, column + replaced, {
      id = BEHIND,
      hl_mode = 'combine',
      virt_text = inline(behind),
      virt_text_pos = 'inline',
      undo_restore = false,
    })
  else
    api.nvim_buf_del_extmark(buffer, M.namespace, BEHIND)
  end
end

--- Where it is drawn: Neovim moves it with the text. nil when it is not.
---@param buffer integer
---@return integer? row, integer? column
function M.position(buffer)
  local mark = api.nvim_buf_get_extmark_by_id(buffer, M.namespace, HERE, {})
  return mark[1], mark[2]
end

---@param buffer integer
function M.clear(buffer)
  if api.nvim_buf_is_valid(buffer) then
    api.nvim_buf_clear_namespace(buffer, M.namespace, 0, -1)
  end
end

return M
