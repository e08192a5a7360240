import {
  to = concord_package.install
  identity = {
    id = "install"
  }
}
