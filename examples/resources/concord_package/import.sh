# The id is the package's name. The next apply sets source.
terraform import concord_package.install install
