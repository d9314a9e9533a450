--- What other servers and linters say of a place, told to ours with each request for code actions.
--- `vim.lsp.buf.code_action` sends a server its own diagnostics alone, and ours has none: it mends those of others.
local M = {}

---@param buffer integer
---@param diagnostic vim.Diagnostic
---@param encoding string
---@return lsp.Diagnostic
local function of_protocol(buffer, diagnostic, encoding)
  local function position(row, column)
    return { line = row, character = vim.lsp.util.character_offset(buffer, row, column, encoding) }
  end
  local last = diagnostic.end_lnum or diagnostic.lnum
  return {
    range = {
      start = position(diagnostic.lnum, diagnostic.col),
      ['end'] = position(last, diagnostic.end_col or diagnostic.col),
    },
    severity = diagnostic.severity,
    source = diagnostic.source,
    code = diagnostic.code,
    message = diagnostic.message,
  }
end

--- The diagnostics that touch the lines of a range, whoever they are of.
---@param buffer integer
---@param range lsp.Range
---@param encoding string
---@return lsp.Diagnostic[]
local function at(buffer, range, encoding)
  local found = {}
  for _, diagnostic in ipairs(vim.diagnostic.get(buffer)) do
    local last = diagnostic.end_lnum or diagnostic.lnum
    if diagnostic.lnum <= range['end'].line and last >= range.start.line then
      found[#found + 1] = of_protocol(buffer, diagnostic, encoding)
    end
  end
  return found
end

--- From now on `client` is told them. Diagnostics that the caller chose stay as they are.
---@param client vim.lsp.Client
function M.tell(client)
  local request = client.request
  ---@diagnostic disable-next-line: duplicate-set-field
  function client:request(method, params, handler, buffer)
    if method == 'textDocument/codeAction' and vim.tbl_isempty(params.context.diagnostics or {}) then
      local asked = vim.uri_to_bufnr(params.textDocument.uri)
      params = vim.deepcopy(params)
      params.context.diagnostics = at(asked, params.range, self.offset_encoding)
    end
    return request(self, method, params, handler, buffer)
  end
end

return M
