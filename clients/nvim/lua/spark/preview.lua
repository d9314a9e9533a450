--- Draws the next edit where it would be made, or at the end of the cursor's line where it is when that is out of
--- sight.
---
--- The sign column is left alone: one that comes and goes moves all the text.
local api = vim.api

local M = {}

M.namespace = api.nvim_create_namespace('spark.next_edit')

local groups = { SparkAdd = 'DiffAdd', SparkDelete = 'DiffDelete', SparkHint = 'Comment' }

function M.define_colours()
  local function define()
    for group, link in pairs(groups) do
      api.nvim_set_hl(0, group, { default = true, link = link })
    end
  end
  define()
  local group = api.nvim_create_augroup('spark.next_edit.colours', {})
  api.nvim_create_autocmd('ColorScheme', { group = group, callback = define })
end

local function untabbed(buffer, text)
  return (text:gsub('\t', (' '):rep(vim.bo[buffer].tabstop)))
end

--- Where each piece of text is that the edit takes away, line by line, without line ends.
local function draw_old(buffer, edit)
  for row = edit.row, edit.last_row do
    local line = api.nvim_buf_get_lines(buffer, row, row + 1, false)[1] or ''
    local first = row == edit.row and edit.column or 0
    local last = row == edit.last_row and edit.last_column or #line
    if last > first then
      api.nvim_buf_set_extmark(buffer, M.namespace, row, first, {
        end_col = last,
        hl_group = 'SparkDelete',
        undo_restore = false,
      })
    end
  end
end

local function hint_of(text)
  return text and { { '  ' .. text, 'SparkHint' } } or nil
end

--- Lines that take the place of others are drawn whole, below those.
local function draw_lines(buffer, edit, lines)
  local first = api.nvim_buf_get_lines(buffer, edit.row, edit.row + 1, false)[1] or ''
  local last = api.nvim_buf_get_lines(buffer, edit.last_row, edit.last_row + 1, false)[1] or ''
  local whole = vim.deepcopy(lines)
  whole[1] = first:sub(1, edit.column) .. whole[1]
  whole[#whole] = whole[#whole] .. last:sub(edit.last_column + 1)
  -- A line that stays as it is is not drawn again.
  local above, row = false, edit.last_row
  if edit.row == edit.last_row and whole[1] == first then
    table.remove(whole, 1)
  elseif edit.row == edit.last_row and whole[#whole] == last then
    table.remove(whole)
    above = true
  end
  api.nvim_buf_set_extmark(buffer, M.namespace, row, 0, {
    virt_lines = vim.tbl_map(function(line)
      return { { line == '' and ' ' or untabbed(buffer, line), 'SparkAdd' } }
    end, whole),
    virt_lines_above = above,
    undo_restore = false,
  })
end

---@class spark.Edit what to replace, in rows and bytes from 0, and by what
---@field row integer
---@field column integer
---@field last_row integer
---@field last_column integer
---@field text string

--- Show it where it would be made.
---@param buffer integer
---@param edit spark.Edit
---@param hint? string what to press
function M.draw(buffer, edit, hint)
  M.clear(buffer)
  draw_old(buffer, edit)
  local lines = vim.split(edit.text, '\n', { plain = true })
  if #lines > 1 then
    draw_lines(buffer, edit, lines)
  elseif edit.text ~= '' then
    api.nvim_buf_set_extmark(buffer, M.namespace, edit.last_row, edit.last_column, {
      virt_text = { { untabbed(buffer, edit.text), 'SparkAdd' } },
      virt_text_pos = 'inline',
      undo_restore = false,
    })
  end
  if hint then
    api.nvim_buf_set_extmark(buffer, M.namespace, edit.row, 0, {
      virt_text = hint_of(hint),
      virt_text_pos = 'eol',
      hl_mode = 'combine',
      undo_restore = false,
    })
  end
end

--- Say at the end of a line where it is.
---@param buffer integer
---@param row integer
---@param words string
function M.point(buffer, row, words)
  M.clear(buffer)
  api.nvim_buf_set_extmark(buffer, M.namespace, row, 0, {
    virt_text = hint_of(words),
    virt_text_pos = 'eol',
    hl_mode = 'combine',
    undo_restore = false,
  })
end

---@param buffer integer
function M.clear(buffer)
  if api.nvim_buf_is_valid(buffer) then
    api.nvim_buf_clear_namespace(buffer, M.namespace, 0, -1)
  end
end

return M
